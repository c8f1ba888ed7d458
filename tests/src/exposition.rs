//! A strict reader of metrics, as the OpenMetrics specification has them
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>): what a scraper may refuse, this refuses.

use std::collections::{BTreeMap, BTreeSet};

/// Labels by name.
type Labels = BTreeMap<String, String>;

/// A metric of several series.
#[derive(Debug, Clone, Default)]
struct Family {
    kind: String,
    help: String,
    unit: String,
}

/// What `/metrics` said.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    families: BTreeMap<String, Family>,
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Exposition {
    /// Reads it, and fails where anything is not as it should be.
    ///
    /// # Panics
    /// The line that is wrong is named.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        let body = text.strip_suffix("# EOF\n").expect("the text ends with # EOF");
        for line in body.lines() {
            if let Some(about) = line.strip_prefix("# ") {
                read.take_about(about, line);
            } else {
                read.take_sample(line);
            }
        }
        read.check_histograms();
        read
    }

    fn take_about(&mut self, about: &str, line: &str) {
        let mut words = about.splitn(3, ' ');
        let (what, name, rest) = (words.next(), words.next(), words.next());
        let name = name.unwrap_or_else(|| panic!("no name: {line}"));
        assert!(is_name(name), "{line}");
        let family = self.families.entry(name.to_owned()).or_default();
        let place = match what {
            Some("TYPE") => &mut family.kind,
            Some("HELP") => &mut family.help,
            Some("UNIT") => &mut family.unit,
            _ => panic!("neither TYPE, HELP nor UNIT: {line}"),
        };
        assert!(place.is_empty(), "said twice: {line}");
        *place = rest.unwrap_or_default().to_owned();
        assert!(!place.is_empty(), "says nothing: {line}");
        if what == Some("UNIT") {
            assert!(name.ends_with(&format!("_{place}")), "the name lacks its unit: {line}");
        }
    }

    fn take_sample(&mut self, line: &str) {
        let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("not a sample: {line}"));
        let (name, rest) = line.split_at(end);
        assert!(is_name(name), "{line}");
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest, line),
            None => (BTreeMap::new(), rest),
        };
        let value = value.strip_prefix(' ').unwrap_or_else(|| panic!("no space: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let family = self.family_of(name).unwrap_or_else(|| panic!("no TYPE before: {line}"));
        let fits = match family.kind.as_str() {
            "counter" => name.ends_with("_total") && value >= 0.0,
            "gauge" => self.families.contains_key(name),
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|suffix| name.ends_with(suffix)),
            other => panic!("unknown type {other}: {line}"),
        };
        assert!(fits, "not a sample of its type: {line}");
        assert!(!family.help.is_empty(), "no HELP: {line}");
        let before = self.samples.insert((name.to_owned(), labels), value);
        assert!(before.is_none(), "a series is there twice: {line}");
    }

    fn family_of(&self, sample: &str) -> Option<&Family> {
        let stems = ["", "_total", "_bucket", "_sum", "_count"];
        stems
            .iter()
            .filter_map(|suffix| sample.strip_suffix(suffix))
            .find_map(|stem| self.families.get(stem))
    }

    /// Buckets rise, and the last is the count.
    fn check_histograms(&self) {
        let mut buckets: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), value) in &self.samples {
            let Some(stem) = name.strip_suffix("_bucket") else {
                continue;
            };
            let mut labels = labels.clone();
            let bound = labels.remove("le").expect("a bucket has a bound");
            let bound = if bound == "+Inf" {
                f64::INFINITY
            } else {
                bound.parse().unwrap()
            };
            buckets
                .entry((stem.to_owned(), labels))
                .or_default()
                .push((bound, *value));
        }
        for ((stem, labels), mut found) in buckets {
            found.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(found.is_sorted_by_key(|(_, count)| *count), "{stem} {labels:?} falls");
            let (bound, last) = found.last().copied().unwrap();
            assert!(bound.is_infinite(), "{stem} {labels:?} ends at {bound}");
            let count = self.samples.get(&(format!("{stem}_count"), labels.clone()));
            assert_eq!(count, Some(&last), "{stem} {labels:?}");
        }
    }

    /// The value of one series; 0 where there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.samples
            .get(&(name.to_owned(), labels))
            .copied()
            .unwrap_or_default()
    }

    /// All series of a name that have these labels, added up.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |found: &BTreeMap<String, String>| {
            labels
                .iter()
                .all(|(name, value)| found.get(*name).is_some_and(|found| found == value))
        };
        self.samples
            .iter()
            .filter(|((found, labels), _)| found == name && has(labels))
            .map(|(_, value)| value)
            .sum()
    }

    /// The name of every sample.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|(name, _)| name.as_str()).collect()
    }

    /// The values of a label, in all series of a name that aren't zero.
    pub fn values_of(&self, name: &str, label: &str) -> BTreeSet<String> {
        self.samples
            .iter()
            .filter(|((found, _), value)| found == name && **value > 0.0)
            .filter_map(|((_, labels), _)| labels.get(label).cloned())
            .collect()
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The labels of a sample, and what comes after them.
fn labels<'a>(mut rest: &'a str, line: &str) -> (BTreeMap<String, String>, &'a str) {
    let mut found = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(name), "{line}");
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (at, character) in after.char_indices() {
            match (escaped, character) {
                (true, 'n') => value.push('\n'),
                (true, '"' | '\\') => value.push(character),
                (true, _) => panic!("an unknown escape: {line}"),
                (false, '\\') => {}
                (false, '"') => {
                    end = Some(at + 1);
                    break;
                }
                (false, _) => value.push(character),
            }
            escaped = !escaped && character == '\\';
        }
        let end = end.unwrap_or_else(|| panic!("a label has no end: {line}"));
        let before = found.insert(name.to_owned(), value);
        assert!(before.is_none(), "a label is there twice: {line}");
        match after.as_bytes().get(end) {
            Some(b',') => rest = &after[end + 1..],
            Some(b'}') => return (found, &after[end + 1..]),
            _ => panic!("labels have no end: {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exposition;

    const GOOD: &str = "# HELP a A counter.\n# TYPE a counter\na_total{x=\"1\\\"\\n\",y=\"2\"} 3\n# EOF\n";

    #[test]
    fn what_is_right_is_read() {
        let read = Exposition::read(GOOD);
        assert_eq!(read.value("a_total", &[("x", "1\"\n"), ("y", "2")]), 3.0);
        assert_eq!(read.sum("a_total", &[("y", "2")]), 3.0);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (from, to) in [
            ("# EOF\n", ""),
            ("a_total", "b_total"),
            ("a_total", "a"),
            (" 3", " three"),
            ("a counter\n", "a counted\n"),
            ("y=", "x="),
            ("\"}", "}"),
            ("# HELP a A counter.\n", ""),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert!(std::panic::catch_unwind(|| Exposition::read(&bad)).is_err(), "{bad}");
        }
    }
}
