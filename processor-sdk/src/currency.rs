//! The currencies the hub can count in, with the number of decimals of each.
//!
//! Source: ISO 4217 list one as published on 2026-01-01 by the maintenance agency (SIX), every code with a
//! minor unit, funds codes included. Codes without a minor unit (gold, special drawing rights, test codes)
//! are not here, because an amount in minor units means nothing for them. Withdrawn codes are not here
//! either: ANG became XCG, BGN and HRK became EUR, SLL became SLE, ZWL became ZWG.
//!
//! Invariant: a [`Currency`] is one row of the table; no other value can be made.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::money::MoneyError;

/// One row of ISO 4217 list one.
struct Row {
    code: &'static str,
    /// The three-digit numeric code, without its leading zeros.
    numeric: u16,
    /// How many decimals the minor unit has.
    exponent: u8,
}

/// Makes the table, and a constant for each row, from one list. A macro, because a constant per currency
/// turns a mistyped code in an adapter's settings into a compile error, and the list must be written once.
macro_rules! currencies {
    ($($code:ident $numeric:literal $exponent:literal $name:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(clippy::upper_case_acronyms, reason = "ISO 4217 codes are written in capitals")]
        enum Index {
            $($code,)*
        }

        /// In the order of [`Index`], which is the order of the codes.
        const ROWS: [Row; COUNT] =
            [$(Row { code: stringify!($code), numeric: $numeric, exponent: $exponent },)*];

        /// Every currency, in the order of the codes.
        pub(crate) const ALL: [Currency; COUNT] = [$(Currency(Index::$code),)*];

        /// How many currencies there are.
        pub(crate) const COUNT: usize = [$(stringify!($code),)*].len();

        impl Currency {
            $(
                #[doc = $name]
                pub const $code: Self = Self(Index::$code);
            )*
        }
    };
}

/// An active ISO 4217 currency. Ordered by code. In JSON its code, such as `"EUR"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(Index);

impl Currency {
    /// Reads a code such as `EUR`; capitals only.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for anything that is not an active code. The error does not repeat
    /// the text, which may be anything a stranger sent.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        match ROWS.binary_search_by(|row| row.code.cmp(code)) {
            Ok(index) => Ok(ALL[index]),
            Err(_) => Err(MoneyError::UnknownCurrency),
        }
    }

    /// The three-letter code, such as `EUR`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        ROWS[self.index()].code
    }

    /// How many decimals the minor unit has: 2 for EUR, 0 for JPY, 3 for BHD, 4 for CLF.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        ROWS[self.index()].exponent
    }

    /// The ISO 4217 numeric code; written with three digits, so 8 (ALL) is `008`.
    #[must_use]
    pub const fn numeric(self) -> u16 {
        ROWS[self.index()].numeric
    }

    /// Every currency, in the order of the codes.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter()
    }

    /// The currency's place in [`Currency::all`].
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CodeVisitor;

        impl de::Visitor<'_> for CodeVisitor {
            type Value = Currency;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an ISO 4217 code such as EUR")
            }

            fn visit_str<E: de::Error>(self, code: &str) -> Result<Currency, E> {
                Currency::parse(code).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(CodeVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An active ISO 4217 code, in capitals.",
            "pattern": "^[A-Z]{3}$",
        })
    }
}

currencies! {
    AED 784 2 "UAE Dirham",
    AFN 971 2 "Afghani",
    ALL 8 2 "Lek",
    AMD 51 2 "Armenian Dram",
    AOA 973 2 "Kwanza",
    ARS 32 2 "Argentine Peso",
    AUD 36 2 "Australian Dollar",
    AWG 533 2 "Aruban Florin",
    AZN 944 2 "Azerbaijan Manat",
    BAM 977 2 "Convertible Mark",
    BBD 52 2 "Barbados Dollar",
    BDT 50 2 "Taka",
    BHD 48 3 "Bahraini Dinar",
    BIF 108 0 "Burundi Franc",
    BMD 60 2 "Bermudian Dollar",
    BND 96 2 "Brunei Dollar",
    BOB 68 2 "Boliviano",
    BOV 984 2 "Mvdol",
    BRL 986 2 "Brazilian Real",
    BSD 44 2 "Bahamian Dollar",
    BTN 64 2 "Ngultrum",
    BWP 72 2 "Pula",
    BYN 933 2 "Belarusian Ruble",
    BZD 84 2 "Belize Dollar",
    CAD 124 2 "Canadian Dollar",
    CDF 976 2 "Congolese Franc",
    CHE 947 2 "WIR Euro",
    CHF 756 2 "Swiss Franc",
    CHW 948 2 "WIR Franc",
    CLF 990 4 "Unidad de Fomento",
    CLP 152 0 "Chilean Peso",
    CNY 156 2 "Yuan Renminbi",
    COP 170 2 "Colombian Peso",
    COU 970 2 "Unidad de Valor Real",
    CRC 188 2 "Costa Rican Colon",
    CUP 192 2 "Cuban Peso",
    CVE 132 2 "Cabo Verde Escudo",
    CZK 203 2 "Czech Koruna",
    DJF 262 0 "Djibouti Franc",
    DKK 208 2 "Danish Krone",
    DOP 214 2 "Dominican Peso",
    DZD 12 2 "Algerian Dinar",
    EGP 818 2 "Egyptian Pound",
    ERN 232 2 "Nakfa",
    ETB 230 2 "Ethiopian Birr",
    EUR 978 2 "Euro",
    FJD 242 2 "Fiji Dollar",
    FKP 238 2 "Falkland Islands Pound",
    GBP 826 2 "Pound Sterling",
    GEL 981 2 "Lari",
    GHS 936 2 "Ghana Cedi",
    GIP 292 2 "Gibraltar Pound",
    GMD 270 2 "Dalasi",
    GNF 324 0 "Guinean Franc",
    GTQ 320 2 "Quetzal",
    GYD 328 2 "Guyana Dollar",
    HKD 344 2 "Hong Kong Dollar",
    HNL 340 2 "Lempira",
    HTG 332 2 "Gourde",
    HUF 348 2 "Forint",
    IDR 360 2 "Rupiah",
    ILS 376 2 "New Israeli Sheqel",
    INR 356 2 "Indian Rupee",
    IQD 368 3 "Iraqi Dinar",
    IRR 364 2 "Iranian Rial",
    ISK 352 0 "Iceland Krona",
    JMD 388 2 "Jamaican Dollar",
    JOD 400 3 "Jordanian Dinar",
    JPY 392 0 "Yen",
    KES 404 2 "Kenyan Shilling",
    KGS 417 2 "Som",
    KHR 116 2 "Riel",
    KMF 174 0 "Comorian Franc",
    KPW 408 2 "North Korean Won",
    KRW 410 0 "Won",
    KWD 414 3 "Kuwaiti Dinar",
    KYD 136 2 "Cayman Islands Dollar",
    KZT 398 2 "Tenge",
    LAK 418 2 "Lao Kip",
    LBP 422 2 "Lebanese Pound",
    LKR 144 2 "Sri Lanka Rupee",
    LRD 430 2 "Liberian Dollar",
    LSL 426 2 "Loti",
    LYD 434 3 "Libyan Dinar",
    MAD 504 2 "Moroccan Dirham",
    MDL 498 2 "Moldovan Leu",
    MGA 969 2 "Malagasy Ariary",
    MKD 807 2 "Denar",
    MMK 104 2 "Kyat",
    MNT 496 2 "Tugrik",
    MOP 446 2 "Pataca",
    MRU 929 2 "Ouguiya",
    MUR 480 2 "Mauritius Rupee",
    MVR 462 2 "Rufiyaa",
    MWK 454 2 "Malawi Kwacha",
    MXN 484 2 "Mexican Peso",
    MXV 979 2 "Mexican Unidad de Inversion (UDI)",
    MYR 458 2 "Malaysian Ringgit",
    MZN 943 2 "Mozambique Metical",
    NAD 516 2 "Namibia Dollar",
    NGN 566 2 "Naira",
    NIO 558 2 "Cordoba Oro",
    NOK 578 2 "Norwegian Krone",
    NPR 524 2 "Nepalese Rupee",
    NZD 554 2 "New Zealand Dollar",
    OMR 512 3 "Rial Omani",
    PAB 590 2 "Balboa",
    PEN 604 2 "Sol",
    PGK 598 2 "Kina",
    PHP 608 2 "Philippine Peso",
    PKR 586 2 "Pakistan Rupee",
    PLN 985 2 "Zloty",
    PYG 600 0 "Guarani",
    QAR 634 2 "Qatari Rial",
    RON 946 2 "Romanian Leu",
    RSD 941 2 "Serbian Dinar",
    RUB 643 2 "Russian Ruble",
    RWF 646 0 "Rwanda Franc",
    SAR 682 2 "Saudi Riyal",
    SBD 90 2 "Solomon Islands Dollar",
    SCR 690 2 "Seychelles Rupee",
    SDG 938 2 "Sudanese Pound",
    SEK 752 2 "Swedish Krona",
    SGD 702 2 "Singapore Dollar",
    SHP 654 2 "Saint Helena Pound",
    SLE 925 2 "Leone",
    SOS 706 2 "Somali Shilling",
    SRD 968 2 "Surinam Dollar",
    SSP 728 2 "South Sudanese Pound",
    STN 930 2 "Dobra",
    SVC 222 2 "El Salvador Colon",
    SYP 760 2 "Syrian Pound",
    SZL 748 2 "Lilangeni",
    THB 764 2 "Baht",
    TJS 972 2 "Somoni",
    TMT 934 2 "Turkmenistan New Manat",
    TND 788 3 "Tunisian Dinar",
    TOP 776 2 "Pa'anga",
    TRY 949 2 "Turkish Lira",
    TTD 780 2 "Trinidad and Tobago Dollar",
    TWD 901 2 "New Taiwan Dollar",
    TZS 834 2 "Tanzanian Shilling",
    UAH 980 2 "Hryvnia",
    UGX 800 0 "Uganda Shilling",
    USD 840 2 "US Dollar",
    USN 997 2 "US Dollar (Next day)",
    UYI 940 0 "Uruguay Peso en Unidades Indexadas (UI)",
    UYU 858 2 "Peso Uruguayo",
    UYW 927 4 "Unidad Previsional",
    UZS 860 2 "Uzbekistan Sum",
    VED 926 2 "Bolívar Soberano",
    VES 928 2 "Bolívar Soberano",
    VND 704 0 "Dong",
    VUV 548 0 "Vatu",
    WST 882 2 "Tala",
    XAD 396 2 "Arab Accounting Dinar",
    XAF 950 0 "CFA Franc BEAC",
    XCD 951 2 "East Caribbean Dollar",
    XCG 532 2 "Caribbean Guilder",
    XOF 952 0 "CFA Franc BCEAO",
    XPF 953 0 "CFP Franc",
    YER 886 2 "Yemeni Rial",
    ZAR 710 2 "Rand",
    ZMW 967 2 "Zambian Kwacha",
    ZWG 924 2 "Zimbabwe Gold",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads_back_as_itself() {
        assert_eq!(Currency::all().count(), 165);
        for currency in Currency::all() {
            assert_eq!(Currency::parse(currency.code()), Ok(currency));
            assert_eq!(currency.to_string(), currency.code());
            let json = serde_json::to_string(&currency).unwrap();
            assert_eq!(json, format!("\"{currency}\""));
            assert_eq!(serde_json::from_str::<Currency>(&json).unwrap(), currency);
        }
    }

    #[test]
    fn codes_are_sorted_and_numeric_codes_are_unique() {
        let all: Vec<Currency> = Currency::all().collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1] && pair[0].code() < pair[1].code()));
        let mut numeric: Vec<u16> = all.iter().map(|currency| currency.numeric()).collect();
        numeric.sort_unstable();
        numeric.dedup();
        assert_eq!(numeric.len(), all.len());
        assert!(numeric.iter().all(|code| (1..=999).contains(code)));
    }

    /// Everything that does not have two decimals, written out, so that a wrong digit in the table shows.
    #[test]
    fn exponents_other_than_two() {
        let rows = [
            (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
            (3, "BHD IQD JOD KWD LYD OMR TND"),
            (4, "CLF UYW"),
        ];
        let mut listed = 0;
        for (exponent, codes) in rows {
            for code in codes.split(' ') {
                assert_eq!(Currency::parse(code).unwrap().exponent(), exponent, "{code}");
                listed += 1;
            }
        }
        assert_eq!(Currency::all().filter(|currency| currency.exponent() != 2).count(), listed);
    }

    #[test]
    fn what_is_not_an_active_code_is_refused() {
        let rows = [
            "",
            "E",
            "EU",
            "EURO",
            "eur",
            "Eur",
            " EUR",
            "EUR ",
            "978",
            "€",
            "ＥＵＲ",
            "E\0R", // Not codes.
            "ANG",
            "BGN",
            "HRK",
            "SLL",
            "ZWL",
            "CUC",
            "LTL",
            "DEM",
            "BYR",
            "MRO",
            "STD",
            "VEF", // Withdrawn.
            "XAU",
            "XAG",
            "XPT",
            "XPD",
            "XDR",
            "XSU",
            "XUA",
            "XBA",
            "XTS",
            "XXX",
            "BTC", // No minor unit.
        ];
        for code in rows {
            assert_eq!(Currency::parse(code), Err(MoneyError::UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn recent_changes_are_in_the_table() {
        let rows = [
            ("SLE", 925),
            ("VED", 926),
            ("VES", 928),
            ("ZWG", 924),
            ("XCG", 532),
            ("XAD", 396),
            ("EUR", 978),
        ];
        for (code, numeric) in rows {
            assert_eq!(Currency::parse(code).unwrap().numeric(), numeric, "{code}");
        }
    }

    #[test]
    fn the_error_does_not_repeat_the_input() {
        let error = serde_json::from_str::<Currency>("\"4242424242424242\"").unwrap_err();
        assert!(!error.to_string().contains("4242"), "{error}");
        assert!(error.to_string().contains("ISO 4217"), "{error}");
    }
}
