//! The page that shows the published API to whoever writes a cart. It has no form and no script, loads nothing,
//! and is one page, so that the browser's own search finds everything.

use askama::Template;

use super::policy::PLAIN;
use super::{OK, Page, PageError, page};

/// The whole document.
pub struct DocsView {
    /// The program's name and version.
    pub title: String,
    /// What it is.
    pub about: Vec<Prose>,
    /// Calls under their headings.
    pub groups: Vec<GroupView>,
    /// Event types that are sent to endpoints.
    pub events: Vec<EventView>,
    /// Objects that bodies and answers are made of.
    pub objects: Vec<ObjectView>,
}

/// A paragraph.
pub type Prose = Vec<Piece>;

/// A piece of a paragraph.
pub enum Piece {
    /// Words.
    Text(String),
    /// A name of the API.
    Code(String),
    /// A link to a page of this hub.
    Link { text: String, href: String },
}

/// A heading and the calls below it.
pub struct GroupView {
    pub name: String,
    pub about: Vec<Prose>,
    pub calls: Vec<CallView>,
}

/// One call.
pub struct CallView {
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub about: Vec<Prose>,
    pub parameters: Vec<FieldView>,
    pub fields: Vec<FieldView>,
    pub curl: String,
    pub answers: Vec<AnswerView>,
}

/// A field of an object, or a parameter.
pub struct FieldView {
    pub name: String,
    /// What it may be, with its bounds.
    pub kind: String,
    /// The object that it holds, if that has a place of its own.
    pub object: Option<String>,
    pub about: Vec<Prose>,
}

/// One answer.
pub struct AnswerView {
    pub status: String,
    pub about: Vec<Prose>,
    /// The object that it carries.
    pub object: Option<String>,
    /// The same as an example.
    pub example: Option<String>,
}

/// An event type.
pub struct EventView {
    pub name: String,
    /// The object that its body is.
    pub object: String,
}

/// An object.
pub struct ObjectView {
    pub name: String,
    pub about: Vec<Prose>,
    pub fields: Vec<FieldView>,
}

#[derive(Template)]
#[template(path = "pages/docs.html")]
struct DocsTemplate<'a> {
    view: &'a DocsView,
}

/// The page.
///
/// # Errors
/// [`PageError::Render`].
pub fn docs(view: &DocsView) -> Result<Page, PageError> {
    page(OK, &DocsTemplate { view }, &PLAIN)
}
