//! Money: minor units, and decimal text without floating point.

use std::fmt;

use crate::types::Money;

/// ISO 4217 codes without minor units.
const NO_DECIMALS: &str = "bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf";
/// ISO 4217 codes with two decimals, and some withdrawn ones that old payments still have.
const TWO_DECIMALS: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob bov brl bsd btn bwp byn \
     bzd cad cdf che chf chw cny cop cou crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq \
     gyd hkd hnl htg huf idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop \
     mru mur mvr mwk mxn mxv myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg \
     sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd usn uyu uzs ved ves wst xcd \
     xcg yer zar zmw zwg cuc hrk sll zwl";
/// ISO 4217 codes with three decimals.
const THREE_DECIMALS: &str = "bhd iqd jod kwd lyd omr tnd";
/// ISO 4217 codes with four decimals: units of account.
const FOUR_DECIMALS: &str = "clf uyw";

/// How many decimals a currency has, by ISO 4217; nothing for what isn't a currency. Case doesn't matter.
#[must_use]
pub fn exponent(currency: &str) -> Option<u8> {
    let tables = [
        (TWO_DECIMALS, 2),
        (NO_DECIMALS, 0),
        (THREE_DECIMALS, 3),
        (FOUR_DECIMALS, 4),
    ];
    let holds = |codes: &str| {
        let mut codes = codes.split_ascii_whitespace();
        codes.any(|code| code.eq_ignore_ascii_case(currency))
    };
    let found = tables.iter().find(|(codes, _)| holds(codes));
    found.map(|(_, exponent)| *exponent)
}

/// Why text isn't money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// The currency isn't one.
    UnknownCurrency,
    /// The text isn't a decimal number.
    NotANumber,
    /// It has more decimals than the currency.
    TooPrecise,
    /// It is too large.
    TooLarge,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCurrency => "not an ISO 4217 currency",
            Self::NotANumber => "not a decimal number",
            Self::TooPrecise => "more decimals than the currency has",
            Self::TooLarge => "too large an amount",
        })
    }
}

impl std::error::Error for MoneyError {}

/// Reads decimal text: `"12.34"` in `usd` is 1234 cents.
///
/// # Errors
///
/// Says why where it isn't an amount of that currency, exactly.
pub fn parse_decimal(text: &str, currency: &str) -> Result<Money, MoneyError> {
    let exponent = usize::from(exponent(currency).ok_or(MoneyError::UnknownCurrency)?);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(MoneyError::NotANumber);
    }
    let (kept, dropped) = fraction.split_at(fraction.len().min(exponent));
    if dropped.bytes().any(|digit| digit != b'0') {
        return Err(MoneyError::TooPrecise);
    }
    // Counted downwards, because there is one more negative number than positive ones.
    let padding = std::iter::repeat_n(b'0', exponent - kept.len());
    let mut amount: i64 = 0;
    for digit in whole.bytes().chain(kept.bytes()).chain(padding) {
        let shifted = amount.checked_mul(10).ok_or(MoneyError::TooLarge)?;
        let next = shifted.checked_sub(i64::from(digit - b'0'));
        amount = next.ok_or(MoneyError::TooLarge)?;
    }
    if !negative {
        amount = amount.checked_neg().ok_or(MoneyError::TooLarge)?;
    }
    Ok(Money {
        amount,
        currency: currency.to_ascii_lowercase(),
    })
}

/// Writes an amount as decimal text: 1234 cents is `"12.34"`.
///
/// # Errors
///
/// [`MoneyError::UnknownCurrency`], because nobody could say where the point belongs.
pub fn format_decimal(money: &Money) -> Result<String, MoneyError> {
    let exponent = usize::from(exponent(&money.currency).ok_or(MoneyError::UnknownCurrency)?);
    let sign = if money.amount < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", money.amount.unsigned_abs(), width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    Ok(match exponent {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str, currency: &str) -> Result<i64, MoneyError> {
        parse_decimal(text, currency).map(|money| money.amount)
    }

    #[test]
    fn each_currency_has_its_own_decimals() {
        assert_eq!(exponent("usd"), Some(2));
        assert_eq!(exponent("JPY"), Some(0));
        assert_eq!(exponent("kwd"), Some(3));
        assert_eq!(exponent("clf"), Some(4));
        assert_eq!(exponent("xxx"), None);
        assert_eq!(exponent(""), None);
        assert_eq!(exponent("usd eur"), None);
    }

    #[test]
    fn decimal_text_is_read_exactly() {
        assert_eq!(parsed("12.34", "USD"), Ok(1234));
        assert_eq!(parsed("12", "usd"), Ok(1200));
        assert_eq!(parsed("12.3", "usd"), Ok(1230));
        assert_eq!(parsed("0.07", "usd"), Ok(7));
        assert_eq!(parsed("-0.07", "usd"), Ok(-7));
        assert_eq!(parsed("12.3400", "usd"), Ok(1234));
        assert_eq!(parsed("1500", "jpy"), Ok(1500));
        assert_eq!(parsed("1500.00", "jpy"), Ok(1500));
        assert_eq!(parsed("1.234", "kwd"), Ok(1234));
        assert_eq!(parsed("-92233720368547758.08", "usd"), Ok(i64::MIN));
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in ["", "-", ".5", "5.", "1e3", "+1", "1,5", " 1", "--1", "0x1", "١"] {
            assert_eq!(parsed(text, "usd"), Err(MoneyError::NotANumber), "{text:?}");
        }
        assert_eq!(parsed("0.001", "usd"), Err(MoneyError::TooPrecise));
        assert_eq!(parsed("0.5", "jpy"), Err(MoneyError::TooPrecise));
        assert_eq!(parsed("92233720368547758.08", "usd"), Err(MoneyError::TooLarge));
        assert_eq!(parsed(&"9".repeat(400), "usd"), Err(MoneyError::TooLarge));
        assert_eq!(parsed("1", "nope"), Err(MoneyError::UnknownCurrency));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(amount in any::<i64>(), currency in prop::sample::select(vec!["usd", "jpy", "kwd", "clf"])) {
            let money = Money { amount, currency: currency.to_owned() };
            let text = format_decimal(&money).unwrap();
            prop_assert_eq!(parse_decimal(&text, currency), Ok(money));
        }

        #[test]
        fn nothing_panics(text in ".*", currency in ".*") {
            _ = parse_decimal(&text, &currency);
            _ = parse_decimal(&text, "usd");
        }
    }
}
