//! What is sold. Immutable once a payment starts.
//!
//! Invariant: lines, when there are any, sum exactly to the order's amount.

use std::collections::BTreeMap;

use processor_sdk::{Money, MoneyError};
use serde::{Deserialize, Serialize};

use crate::ids::OrderId;

/// Most lines of an order.
pub const LINES_MAX: usize = 500;

/// One order with what is sold in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Id.
    pub id: OrderId,
    /// The cart's own number for it.
    pub order_reference: Option<String>,
    /// What the shopper sees as the purpose.
    pub description: Option<String>,
    /// Total.
    pub amount: Money,
    /// What is sold; may be empty.
    pub lines: Vec<OrderLine>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The cart's article number.
    pub sku: Option<String>,
    /// What the shopper sees.
    pub name: String,
    /// How many, at least 1.
    pub quantity: u32,
    /// Price of one; negative for a discount.
    pub unit_amount: Money,
    /// The cart's own kind, such as `course` or `discount`.
    pub kind: Option<String>,
    /// The cart's own notes.
    pub metadata: BTreeMap<String, String>,
}

/// Why lines are not an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Their sum is not the amount.
    #[error("the lines sum to {sum}, but the amount is {amount}")]
    LinesDoNotSum {
        /// Sum of the lines.
        sum: Money,
        /// The order's amount.
        amount: Money,
    },
    /// A line's total or the sum is too large, or a line has another currency.
    #[error("line {index}: {source}")]
    Line {
        /// Index of the line, from 0.
        index: usize,
        /// What is wrong.
        source: MoneyError,
    },
}

/// Checks that lines sum to `amount`. No lines at all are fine.
///
/// # Errors
/// [`OrderError`].
pub fn check_lines(lines: &[OrderLine], amount: Money) -> Result<(), OrderError> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut sum = Money::zero(amount.currency());
    for (index, line) in lines.iter().enumerate() {
        let total = line
            .unit_amount
            .minor()
            .checked_mul(i64::from(line.quantity))
            .ok_or(MoneyError::Overflow)
            .and_then(|minor| Money::new(minor, line.unit_amount.currency()))
            .and_then(|total| sum.checked_add(total));
        sum = total.map_err(|source| OrderError::Line { index, source })?;
    }
    if sum == amount { Ok(()) } else { Err(OrderError::LinesDoNotSum { sum, amount }) }
}

#[cfg(test)]
mod tests {
    use processor_sdk::Currency;

    use super::*;

    fn line(quantity: u32, minor: i64, currency: &str) -> OrderLine {
        let unit_amount = Money::new(minor, Currency::parse(currency).unwrap()).unwrap();
        OrderLine {
            sku: None,
            name: "x".to_owned(),
            quantity,
            unit_amount,
            kind: None,
            metadata: BTreeMap::new(),
        }
    }

    #[test]
    fn lines_sum_to_the_amount() {
        let amount = |minor| Money::new(minor, Currency::parse("EUR").unwrap()).unwrap();
        let huge = processor_sdk::MINOR_UNITS_MAX;
        for (lines, total, good) in [
            (vec![], 100, true),
            (vec![line(2, 50, "EUR")], 100, true),
            (vec![line(2, 60, "EUR"), line(1, -20, "EUR")], 100, true),
            (vec![line(1, 99, "EUR")], 100, false),
            (vec![line(1, 100, "USD")], 100, false),
            (vec![line(2, huge, "EUR")], 100, false),
            (vec![line(u32::MAX, huge, "EUR"), line(1, 100, "EUR")], 100, false),
        ] {
            assert_eq!(check_lines(&lines, amount(total)).is_ok(), good, "{lines:?}");
        }
    }
}
