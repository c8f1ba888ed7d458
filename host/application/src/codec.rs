//! How domain types and bytes are written in stored JSON.

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

/// Money, by its amount and the currency's code.
pub(crate) mod money {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
    use tillgate_domain::Money;

    #[derive(Serialize, Deserialize)]
    struct Stored {
        amount: i64,
        currency: String,
    }

    pub(crate) fn serialize<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
        let currency = money.currency.to_string();
        let amount = money.amount;
        Stored { amount, currency }.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let Stored { amount, currency } = Stored::deserialize(deserializer)?;
        Ok(Money::new(amount, currency.parse().map_err(de::Error::custom)?))
    }
}

/// Bytes, in base64: a body in a third more than its size, where a list of numbers takes four times.
pub(crate) mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD
            .decode(String::deserialize(deserializer)?)
            .map_err(de::Error::custom)
    }
}

/// Bytes that may be missing.
pub(crate) mod optional_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Bytes(#[serde(with = "super::bytes")] Vec<u8>);

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.clone().map(Bytes).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Bytes>::deserialize(deserializer)?.map(|bytes| bytes.0))
    }
}

/// Headers, whose values may be any bytes.
pub(crate) mod headers {
    use serde::ser::SerializeSeq as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Header(String, #[serde(with = "super::bytes")] Vec<u8>);

    pub(crate) fn serialize<S: Serializer>(headers: &[(String, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(headers.len()))?;
        for (name, value) in headers {
            list.serialize_element(&Header(name.clone(), value.clone()))?;
        }
        list.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Vec<u8>)>, D::Error> {
        let list = Vec::<Header>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|header| (header.0, header.1)).collect())
    }
}
