//! `docs/errors.md` says what the table of codes says.

use std::path::Path;

use tillgate_http_api::ERROR_CODES;

/// Set, the file is written instead of compared.
const WRITE: &str = "TILLGATE_BLESS";

const HEAD: &str = "\
# Errors

<!-- Generated from host/http-api/src/codes.rs by `cargo xtask errors`. Don't edit. -->

Every error is a problem document (RFC 9457, `application/problem+json`) with `type`, `title`, `status`, `detail`, `code`,
`request_id` and `help`. Branch on `code`: it never changes. `detail` is for people and may change. The gateway serves the
same table at `/docs/errors`.

| code | status | cause | remedy |
|---|---|---|---|
";

fn document() -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let rows = ERROR_CODES.iter().map(|entry| {
        let (title, help) = (cell(entry.title), cell(entry.help));
        format!(
            "| <a id=\"{code}\"></a>`{code}` | {status} | {title} | {help} |\n",
            code = entry.code,
            status = entry.status
        )
    });
    HEAD.to_owned() + &rows.collect::<String>()
}

#[test]
fn the_document_of_errors_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let wanted = document();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/errors.md doesn't say what host/http-api/src/codes.rs says: run `cargo xtask errors` and commit the file"
    );
}
