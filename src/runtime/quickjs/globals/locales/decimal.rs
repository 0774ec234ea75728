//! Decimal numbers of any length, and rounding them exactly: what stands in `0.1` is one tenth here, as in V8.
//!
//! Must never know how a number is written down.

use std::cmp::Ordering;

/// `±0.d₁d₂d₃… × 10^point`, without zeros at either end; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) is_negative: bool,
    digits: Vec<u8>,
    point: i64,
}

/// Where to round to: ECMA-402's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    Ceil,
    Floor,
    Expand,
    Trunc,
    HalfCeil,
    HalfFloor,
    HalfExpand,
    HalfTrunc,
    HalfEven,
}

impl Decimal {
    /// The shortest decimal that reads back as this number, which has to be finite.
    pub(super) fn from_f64(number: f64) -> Self {
        let text = format!("{number:e}");
        Self::parse(&text).expect("it was just printed")
    }

    /// Digits with an optional sign, fraction and exponent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = digits.into_iter().map(|digit| digit - b'0').collect();
        let point = exponent.checked_add(whole.len() as i64)?;
        let mut decimal = Self { is_negative, digits, point };
        decimal.trim();
        Some(decimal)
    }

    fn trim(&mut self) {
        let zeros = self.digits.iter().take_while(|&&digit| digit == 0).count();
        self.digits.drain(..zeros);
        self.point -= zeros as i64;
        let used = self.digits.iter().rposition(|&digit| digit != 0).map_or(0, |last| last + 1);
        self.digits.truncate(used);
        if self.digits.is_empty() {
            self.point = 0;
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// The power of ten of the first digit; 0 for zero.
    pub(super) fn magnitude(&self) -> i64 {
        if self.is_zero() { 0 } else { self.point - 1 }
    }

    /// Times a power of ten.
    pub(super) fn shift(&mut self, power: i64) {
        if !self.is_zero() {
            self.point += power;
        }
    }

    /// The digits before the point, at least one, and those behind it.
    pub(super) fn texts(&self) -> (String, String) {
        let text = |from: i64, to: i64| -> String {
            let digit = |at: i64| usize::try_from(at).ok().and_then(|at| self.digits.get(at));
            (from..to).map(|at| char::from(b'0' + digit(at).copied().unwrap_or(0))).collect()
        };
        let whole = if self.point <= 0 { "0".to_owned() } else { text(0, self.point) };
        (whole, text(self.point, self.digits.len() as i64))
    }

    /// Rounds to a multiple of `increment` units of the digit with the power `least`. The increment is a divisor
    /// of 10 000.
    pub(super) fn round(&mut self, least: i64, increment: u32, mode: Mode) {
        // How many of the digits are kept; below zero there are zeros before the first one.
        let kept = self.point - least;
        let length = usize::try_from(kept).unwrap_or(0);
        let cut = length.min(self.digits.len());
        if increment == 1 && cut == self.digits.len() {
            return;
        }
        let tail = match self.digits[cut..].split_first() {
            None => Tail::None,
            Some(_) if kept < 0 => Tail::Below,
            Some((&first, rest)) => match first.cmp(&5) {
                Ordering::Less => Tail::Below,
                Ordering::Equal if rest.is_empty() => Tail::Half,
                _ => Tail::Above,
            },
        };
        let mut whole = self.digits[..cut].to_vec();
        whole.resize(length, 0);
        // Five digits say how often the increment fits, even or odd, as well as all of them.
        let end = whole[length.saturating_sub(5)..].iter().fold(0, |sum, &digit| sum * 10 + u32::from(digit));
        if let Some(is_up) = self.goes_up(end, increment, tail, mode) {
            subtract(&mut whole, end % increment);
            if is_up {
                add(&mut whole, increment);
            }
            self.point = whole.len() as i64 + least;
            self.digits = whole;
            self.trim();
        }
    }

    /// Whether to round away from zero; `None` if there is nothing to round.
    fn goes_up(&self, end: u32, increment: u32, tail: Tail, mode: Mode) -> Option<bool> {
        use Ordering::{Equal, Greater, Less};
        let rest = end % increment;
        if rest == 0 && tail == Tail::None {
            return None;
        }
        // The rest and the tail against half of the increment.
        let to_half = match (2 * rest).cmp(&increment) {
            Less if increment - 2 * rest == 1 => match tail {
                Tail::None | Tail::Below => Less,
                Tail::Half => Equal,
                Tail::Above => Greater,
            },
            Equal if tail != Tail::None => Greater,
            order => order,
        };
        let negative = self.is_negative;
        Some(match mode {
            Mode::Ceil => !negative,
            Mode::Floor => negative,
            Mode::Expand => true,
            Mode::Trunc => false,
            _ if to_half != Equal => to_half == Greater,
            Mode::HalfCeil => !negative,
            Mode::HalfFloor => negative,
            Mode::HalfExpand => true,
            Mode::HalfTrunc => false,
            Mode::HalfEven => (end / increment) % 2 == 1,
        })
    }
}

/// What is cut off, against half a unit of the last digit that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    None,
    Below,
    Half,
    Above,
}

/// Takes a number below 10 000 off the end; there is never more to borrow than there is.
fn subtract(digits: &mut [u8], mut amount: u32) {
    for digit in digits.iter_mut().rev() {
        if amount == 0 {
            return;
        }
        let part = (amount % 10) as u8;
        amount /= 10;
        if *digit < part {
            *digit += 10;
            amount += 1;
        }
        *digit -= part;
    }
}

/// Adds a number of at most 10 000 to the end; the number may grow at its beginning.
fn add(digits: &mut Vec<u8>, amount: u32) {
    let mut carry = amount;
    for digit in digits.iter_mut().rev() {
        if carry == 0 {
            return;
        }
        carry += u32::from(*digit);
        *digit = (carry % 10) as u8;
        carry /= 10;
    }
    while carry > 0 {
        digits.insert(0, (carry % 10) as u8);
        carry /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_exactly() {
        use Mode::*;
        // Number, power of the last digit, increment, then what each mode makes of it.
        let modes = [Ceil, Floor, Expand, Trunc, HalfCeil, HalfFloor, HalfExpand, HalfTrunc, HalfEven];
        let cases = [
            ("1.005", -2, 1, ["1.01", "1", "1.01", "1", "1.01", "1", "1.01", "1", "1"]),
            ("-1.005", -2, 1, ["-1", "-1.01", "-1.01", "-1", "-1", "-1.01", "-1.01", "-1", "-1"]),
            ("1.015", -2, 1, ["1.02", "1.01", "1.02", "1.01", "1.02", "1.01", "1.02", "1.01", "1.02"]),
            ("2.5", 0, 1, ["3", "2", "3", "2", "3", "2", "3", "2", "2"]),
            ("2.51", 0, 1, ["3", "2", "3", "2", "3", "3", "3", "3", "3"]),
            ("2.49", 0, 1, ["3", "2", "3", "2", "2", "2", "2", "2", "2"]),
            ("0.05", 0, 1, ["1", "0", "1", "0", "0", "0", "0", "0", "0"]),
            ("0.5", 0, 1, ["1", "0", "1", "0", "1", "0", "1", "0", "0"]),
            ("99.95", -1, 1, ["100", "99.9", "100", "99.9", "100", "99.9", "100", "99.9", "100"]),
            ("1234", 2, 1, ["1300", "1200", "1300", "1200", "1200", "1200", "1200", "1200", "1200"]),
            ("50", 3, 1, ["1000", "0", "1000", "0", "0", "0", "0", "0", "0"]),
            ("1.15", -2, 5, ["1.15"; 9]),
            ("1.125", -2, 5, ["1.15", "1.1", "1.15", "1.1", "1.15", "1.1", "1.15", "1.1", "1.1"]),
            ("1.175", -2, 5, ["1.2", "1.15", "1.2", "1.15", "1.2", "1.15", "1.2", "1.15", "1.2"]),
            ("1.174", -2, 5, ["1.2", "1.15", "1.2", "1.15", "1.15", "1.15", "1.15", "1.15", "1.15"]),
            ("3000", 0, 2000, ["4000", "2000", "4000", "2000", "4000", "2000", "4000", "2000", "4000"]),
            (
                "13000",
                0,
                2000,
                ["14000", "12000", "14000", "12000", "14000", "12000", "14000", "12000", "12000"],
            ),
            (
                "99975",
                0,
                50,
                ["100000", "99950", "100000", "99950", "100000", "99950", "100000", "99950", "100000"],
            ),
            ("7", 0, 1, ["7"; 9]),
            ("0", 0, 5, ["0"; 9]),
        ];
        for (number, least, increment, expected) in cases {
            for (mode, expected) in modes.into_iter().zip(expected) {
                let mut decimal = Decimal::parse(number).unwrap();
                decimal.round(least, increment, mode);
                assert_eq!(shown(&decimal), expected, "{number} {least} {increment} {mode:?}");
            }
        }
    }

    fn shown(decimal: &Decimal) -> String {
        let (whole, fraction) = decimal.texts();
        let sign = if decimal.is_negative && !decimal.is_zero() { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }

    #[test]
    fn reads_what_is_a_number() {
        let cases = [
            ("0", "0"),
            ("-0", "0"),
            ("007.500", "7.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("12.5E-3", "0.0125"),
            ("+3", "3"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Decimal::parse(text).map(|decimal| shown(&decimal)).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in ["", "-", ".", "e5", "1e", "1e99999999999999999999", "1_0", "0x1", "½", "1 "] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        for number in [0.1, 5e-324, f64::MAX, 1e21, 123456.789] {
            assert_eq!(shown(&Decimal::from_f64(number)).parse::<f64>().unwrap(), number);
        }
    }
}
