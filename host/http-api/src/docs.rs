//! The documentation, served by the host itself: the description, a page to read it with, and every error code.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::codes::{Code, ERROR_CODES};
use crate::problem::Problem;
use crate::state::Api;

/// The page loads nothing from elsewhere. Swagger UI sets styles and shows images of its own as data.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Pages and scripts change with the host's version alone; an hour is short enough for that.
const CACHED: &str = "public, max-age=3600";

/// What of Swagger UI is served.
const ASSETS: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tillgate API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"><noscript>This page needs JavaScript; the description itself is at <a href="/openapi.json">/openapi.json</a>.</noscript></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

const START: &str = r##"SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"##;

pub(crate) fn routes(description: &str) -> Router<Api> {
    let description = Bytes::copy_from_slice(description.as_bytes());
    let errors = Bytes::from(errors_page());
    Router::new()
        .route(
            "/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], description)),
        )
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route(
            "/docs/start.js",
            get(async || text("text/javascript; charset=utf-8", START)),
        )
        .route(
            "/docs/errors",
            get(async move || text("text/html; charset=utf-8", errors)),
        )
        .route("/docs/{file}", get(asset))
}

async fn page() -> Response {
    text("text/html; charset=utf-8", PAGE)
}

async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let not_there = || Problem::new(Code::RouteNotFound, "the documentation has no such file");
    if !ASSETS.contains(&file.as_str()) {
        return Err(not_there());
    }
    let config = Arc::new(utoipa_swagger_ui::Config::default());
    let found = utoipa_swagger_ui::serve(&file, config).ok().flatten();
    let found = found.ok_or_else(not_there)?;
    let mut response = text(&found.content_type, found.bytes.into_owned());
    if found.gzpipped {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn text(content_type: &str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, content_type);
    set(header::CACHE_CONTROL, CACHED);
    set(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    response
}

/// Where every problem's `type` points.
fn errors_page() -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Tillgate error codes</title>\n\
         <style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}\
         h2{font-size:1.1rem;margin:2rem 0 .25rem}p{margin:.25rem 0}:target{background:#fff3c4}\
         a{color:inherit}</style>\n</head>\n<body>\n<h1>Error codes</h1>\n\
         <p>Every problem has one of these as its <code>code</code>. <a href=\"/docs\">Back to the API</a></p>\n",
    );
    for entry in ERROR_CODES {
        let (code, status) = (entry.code, entry.status);
        let (title, help) = (escaped(entry.title), escaped(entry.help));
        // Writing to a String can't fail.
        let _ = writeln!(
            page,
            "<h2 id=\"{code}\"><a href=\"#{code}\"><code>{code}</code></a> · {status}</h2>\n<p>{title}.</p>\n<p>{help}</p>",
        );
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
