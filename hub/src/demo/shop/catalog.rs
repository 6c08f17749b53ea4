//! What the shop sells, and the order it makes of a wish.
//!
//! Invariant: the lines of an order sum to its amount, the bundle's discount included.

use processor_sdk::Currency;
use serde_json::{Value, json};

/// The shop's only currency.
pub(super) const CURRENCY: Currency = Currency::EUR;

/// The most of one product in one order.
pub(super) const QUANTITY_MAX: u32 = 10;

/// One thing on the shelf.
pub(super) struct Product {
    pub(super) sku: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// What one of it consists of.
    pub(super) lines: &'static [Line],
}

/// One part of a product.
pub(super) struct Line {
    pub(super) sku: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// Price in minor units; negative for a discount.
    pub(super) unit_minor: i64,
}

const COURSE: Line =
    Line { sku: "bread-course", name: "Bread baking, the course", kind: "course", unit_minor: 4900 };
const STARTER: Line =
    Line { sku: "sourdough-starter", name: "Sourdough starter, one jar", kind: "goods", unit_minor: 750 };
const BUNDLE_DISCOUNT: Line =
    Line { sku: "bundle-discount", name: "Bundle discount", kind: "discount", unit_minor: -650 };

/// The shelf.
pub(super) const PRODUCTS: [Product; 3] = [
    Product { sku: COURSE.sku, title: COURSE.name, text: "Twelve lessons, yours to keep.", lines: &[COURSE] },
    Product { sku: STARTER.sku, title: STARTER.name, text: "Alive when it is shipped.", lines: &[STARTER] },
    Product {
        sku: "baker-bundle",
        title: "The baker's bundle",
        text: "The course and a jar of starter, for less than both.",
        lines: &[COURSE, STARTER, BUNDLE_DISCOUNT],
    },
];

impl Product {
    /// The product with this article number.
    pub(super) fn find(sku: &str) -> Option<&'static Self> {
        PRODUCTS.iter().find(|product| product.sku == sku)
    }

    /// Price of one, in minor units.
    pub(super) fn unit_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.unit_minor).sum()
    }

    /// The order's lines as the hub's API wants them.
    pub(super) fn order_lines(&self, quantity: u32) -> Value {
        let line = |line: &Line| {
            json!({
                "sku": line.sku,
                "name": line.name,
                "kind": line.kind,
                "quantity": quantity,
                "unit_amount": line.unit_minor,
            })
        };
        self.lines.iter().map(line).collect()
    }
}
