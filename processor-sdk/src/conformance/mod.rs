//! The laws every adapter must keep, as functions to call from a test.
//!
//! ```
//! # use std::path::Path;
//! # use processor_sdk::Adapter;
//! # use processor_sdk::conformance::{FixtureError, Subject, check_all};
//! fn keeps_the_laws(adapter: &dyn Adapter) -> Result<(), FixtureError> {
//!     let report = check_all(&Subject::of_folder(adapter, Path::new("fixtures"))?);
//!     assert!(report.is_clean(), "{report}");
//!     Ok(())
//! }
//! ```
//!
//! A law is checked over every fixture and many bent forms of it, so its strength is the fixtures': record
//! at least one transcript per operation and one delivery per kind of event. Nothing here knows a processor,
//! and the same functions check a native adapter and a plugin.

mod answer_laws;
mod delivery_laws;
mod descriptor_laws;
mod fixture;
mod form_laws;
mod host;
mod rehearsal;
mod report;
mod request_laws;
mod trial;
mod url;

use std::path::Path;

use crate::{Adapter, Question, Settings};

pub use fixture::{Fixture, FixtureError, SUBJECT_FILE, SubjectFile};
pub use host::{Course, EXCHANGES_MAX, End, Host, Respond, Secrets, mac, run_through};
pub use rehearsal::rehearse;
pub use report::{Law, Report, Verdict, Violation, check_all};

/// An adapter with what is needed to try it.
pub struct Subject<'a> {
    /// The adapter.
    pub adapter: &'a dyn Adapter,
    /// Recorded questions, signed.
    pub fixtures: Vec<Fixture>,
    /// Test values of the declared secrets. They must be made up and unlike any other text of the fixtures.
    pub secrets: Secrets,
    /// Settings as an operator would write them, defaults filled in.
    pub settings: Settings,
}

impl<'a> Subject<'a> {
    /// Prepares an adapter for the laws: computes the fixtures' signatures and gives questions without
    /// settings the ones here.
    ///
    /// # Errors
    /// [`FixtureError`] when a signature cannot be computed.
    pub fn new<const N: usize>(
        adapter: &'a dyn Adapter,
        fixtures: Vec<Fixture>,
        secrets: [(&str, &str); N],
        settings: Settings,
    ) -> Result<Self, FixtureError> {
        let secrets = secrets.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self::with(adapter, fixtures, SubjectFile { secrets, settings })
    }

    /// Prepares an adapter with everything in a folder: its fixtures, and [`SUBJECT_FILE`] beside them.
    ///
    /// # Errors
    /// [`FixtureError`] naming the file.
    pub fn of_folder(adapter: &'a dyn Adapter, folder: &Path) -> Result<Self, FixtureError> {
        Self::with(adapter, Fixture::read_folder(folder)?, SubjectFile::read_folder(folder)?)
    }

    /// As [`Subject::new`], with the secrets and settings of a [`SubjectFile`].
    ///
    /// # Errors
    /// As [`Subject::new`].
    pub fn with(
        adapter: &'a dyn Adapter,
        fixtures: Vec<Fixture>,
        file: SubjectFile,
    ) -> Result<Self, FixtureError> {
        let SubjectFile { secrets, settings } = file;
        // Wrong settings are left as they are: the law on descriptors reports them.
        let settings = adapter.descriptor().check_settings(&settings).unwrap_or(settings);
        let mut prepared = Vec::new();
        for fixture in fixtures {
            let mut fixture = fixture.signed(&secrets)?;
            let own = match &mut fixture.ask {
                Question::Call(call) => &mut call.settings,
                Question::Delivery(delivery) => &mut delivery.settings,
            };
            if own.0.is_empty() {
                *own = settings.clone();
            }
            prepared.push(fixture);
        }
        Ok(Self { adapter, fixtures: prepared, secrets, settings })
    }

    /// The test host with this subject's secrets.
    #[must_use]
    pub const fn host(&self) -> Host<'_> {
        Host { secrets: &self.secrets, recorded: None }
    }

    /// The same for one fixture, whose signatures it recognizes.
    #[must_use]
    pub fn host_for<'s>(&'s self, fixture: &'s Fixture) -> Host<'s> {
        let recorded = fixture.delivery().map(|delivery| (delivery, fixture.transcript.as_slice()));
        Host { secrets: &self.secrets, recorded }
    }
}

/// Every law, in the order of a report.
#[must_use]
pub const fn laws() -> &'static [Law] {
    LAWS
}

const LAWS: &[Law] = &[
    // The adapter's papers.
    descriptor_laws::DESCRIPTOR_IS_SANE,
    descriptor_laws::FIXTURES_COVER,
    descriptor_laws::SUPPORT_IS_DECLARED,
    // The form: pure, finite, expressible.
    form_laws::RECORDED_REPLY,
    form_laws::DETERMINISTIC,
    form_laws::ENDS,
    form_laws::NEVER_PANICS,
    form_laws::STOP_IS_PASSED_ON,
    form_laws::JSON_ROUND_TRIP,
    // What it asks for.
    request_laws::DECLARED_HOSTS,
    request_laws::SECRETS_DECLARED,
    request_laws::IDEMPOTENCY_KEY,
    request_laws::KEY_CHANGES_NOTHING_ELSE,
    request_laws::READS_ONLY_READ,
    request_laws::NO_SECRET_LEAKS,
    // What it makes of answers.
    answer_laws::DECLARED_DOORS,
    answer_laws::GARBAGE_NEVER_SETTLES,
    answer_laws::UNHEARD_WORD_NEVER_SETTLES,
    answer_laws::UNKNOWN_FIELDS_IGNORED,
    answer_laws::AMOUNTS_NOT_INVENTED,
    // What it makes of deliveries.
    delivery_laws::MISSING_SIGNATURE,
    delivery_laws::EMPTY_SECRET,
    delivery_laws::WRONG_SECRET,
    delivery_laws::STALE_DELIVERY,
    delivery_laws::FLIPPED_BIT,
    delivery_laws::SIGNED_FIELDS_DECLARED,
    delivery_laws::VERIFIED_FIRST,
];
