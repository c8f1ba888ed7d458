//! How Stripe's objects are read: the macro that declares their shapes, and what their fields can be.

use tillgate_plugin_sdk::Json;
use tillgate_plugin_sdk::types::Field;

/// Declares an object: what it must have, and what it may.
macro_rules! shape {
    (
        $(#[$doc:meta])*
        $name:ident {
            $(must $must:ident $(= $must_key:literal)?: $must_type:ty,)*
            $($(#[$may_doc:meta])* may $may:ident $(= $may_key:literal)?: $may_type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            $(pub(crate) $must: $must_type,)*
            $($(#[$may_doc])* pub(crate) $may: Option<$may_type>,)*
        }

        impl Readable for $name {
            fn read(json: &Json<'_>) -> Result<Self, Wrong> {
                let Json::Object(_) = json else {
                    return Err(Wrong(""));
                };
                Ok(Self {
                    $($must: required(json, shape!(@key $must $($must_key)?))?,)*
                    $($may: optional(json, shape!(@key $may $($may_key)?))?,)*
                })
            }
        }
    };
    (@key $name:ident) => { stringify!($name) };
    (@key $name:ident $key:literal) => { $key };
}

/// A field that is missing, or isn't what it should be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong(pub(super) &'static str);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            "" => f.write_str("it isn't what was expected"),
            field => write!(f, "the field {field} is missing or isn't what was expected"),
        }
    }
}

/// What can be read from JSON.
pub(crate) trait Readable: Sized {
    /// Reads it from a value that is there.
    fn read(json: &Json<'_>) -> Result<Self, Wrong>;
}

pub(super) fn optional<T: Readable>(object: &Json<'_>, name: &'static str) -> Result<Option<T>, Wrong> {
    match object.get(name) {
        Json::Null => Ok(None),
        value => match T::read(value) {
            Ok(value) => Ok(Some(value)),
            Err(Wrong("")) => Err(Wrong(name)),
            Err(inner) => Err(inner),
        },
    }
}

pub(super) fn required<T: Readable>(object: &Json<'_>, name: &'static str) -> Result<T, Wrong> {
    optional(object, name)?.ok_or(Wrong(name))
}

impl Readable for String {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        json.text().map(str::to_owned).ok_or(Wrong(""))
    }
}

impl Readable for i64 {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        json.integer().ok_or(Wrong(""))
    }
}

impl Readable for u64 {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        i64::read(json)?.try_into().map_err(|_| Wrong(""))
    }
}

impl Readable for u32 {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        i64::read(json)?.try_into().map_err(|_| Wrong(""))
    }
}

impl Readable for bool {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        json.boolean().ok_or(Wrong(""))
    }
}

/// Something Stripe gives by its id, or whole where it was asked to
/// (<https://docs.stripe.com/api/expanding_objects>).
#[derive(Debug)]
pub(crate) enum Expandable<T> {
    Id(String),
    Whole(T),
}

impl<T: Readable> Readable for Expandable<T> {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        match json.text() {
            Some(id) => Ok(Self::Id(id.to_owned())),
            None => T::read(json).map(Self::Whole),
        }
    }
}

/// Pairs of text, in the order they came.
#[derive(Debug)]
pub(crate) struct Metadata(pub(crate) Vec<Field>);

impl Readable for Metadata {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        let Json::Object(pairs) = json else {
            return Err(Wrong(""));
        };
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| Ok((name.clone().into_owned(), String::read(value)?)));
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

/// A list, or its first page.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    pub(crate) has_more: Option<bool>,
}

impl<T: Readable> Readable for List<T> {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        let Json::List(data) = json.get("data") else {
            return Err(Wrong("data"));
        };
        let data = data.iter().map(T::read).collect::<Result<_, _>>()?;
        let has_more = optional(json, "has_more")?;
        Ok(Self { data, has_more })
    }
}

/// When an event was made: Unix seconds, or RFC 3339 in thin ones.
#[derive(Debug)]
pub(crate) enum Created {
    Seconds(i64),
    Text(String),
}

impl Readable for Created {
    fn read(json: &Json<'_>) -> Result<Self, Wrong> {
        match json.text() {
            Some(text) => Ok(Self::Text(text.to_owned())),
            None => i64::read(json).map(Self::Seconds),
        }
    }
}
