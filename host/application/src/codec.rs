//! How domain types are written in stored JSON.

/// Ids, by their text.
pub(crate) mod id {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<T: Display, S: Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Checkout types, by their name.
pub(crate) mod checkout_type {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use tillgate_domain::CheckoutType;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(value: &CheckoutType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CheckoutType, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "subscription" => Ok(CheckoutType::Subscription),
            "one_time" => Ok(CheckoutType::OneTime),
            other => Err(de::Error::custom(format!("unknown checkout type {other:?}"))),
        }
    }
}
