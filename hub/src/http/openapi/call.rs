//! One call of the front with all that the document says of it, beside the handler that answers it.
//!
//! There is no other way to a route than through here, so that none is served without its description. What a
//! handler's own signature tells (the scope it needs, the body it reads, that it lists) is taken from there
//! and not said a second time.

use axum::extract::{Path, Request, State};
use axum::handler::Handler;
use axum::http::Uri;
use axum::routing::{self, MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::http::Front;
use crate::http::auth::{Authority, Caller};
use crate::http::body::{Body, JsonRequest, Note};
use crate::http::fields::Fields;
use crate::http::lists::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::http::problem::Kind;
use crate::key_scope::KeyScope;

/// A schema with the components that it refers to.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method at one path.
#[derive(Clone, Debug)]
pub struct Call {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Unique, stable name for programs.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) says: &'static str,
    pub(super) scope: Option<KeyScope>,
    pub(super) body: Option<RequestBody>,
    /// A body that is no JSON of ours: its media type and schema.
    pub(super) foreign_body: Option<(&'static str, Value)>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) answers: Vec<Answer>,
    pub(super) problems: Vec<Kind>,
    /// Codes that are nearer than their kind's own.
    pub(super) codes: Vec<(Kind, &'static str)>,
}

/// The JSON body of a call.
#[derive(Clone, Debug)]
pub(super) struct RequestBody {
    pub(super) name: &'static str,
    pub(super) schema: Value,
    pub(super) notes: &'static [Note],
    pub(super) keyed: bool,
    pub(super) required: bool,
}

/// A parameter of the path or the query.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) schema: ParameterSchema,
    pub(super) says: String,
}

/// How a parameter's schema comes about.
#[derive(Clone, Debug)]
pub(super) enum ParameterSchema {
    Of(SchemaOf),
    Is(Value),
}

/// An answer that is no problem.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) says: &'static str,
    pub(super) content: Content,
}

/// What an answer carries.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Json(SchemaOf),
    Page(&'static str),
    Nothing,
    /// On to another address.
    Location,
}

/// A call with its handler.
#[derive(Debug)]
pub struct Route {
    pub(super) call: Call,
    methods: MethodRouter<Front>,
}

/// What a handler's argument says about its call.
pub trait Part {
    fn describe(call: &mut Call);
}

impl Part for State<Front> {
    fn describe(_call: &mut Call) {}
}

impl<A: Authority> Part for Caller<A> {
    fn describe(call: &mut Call) {
        call.scope = Some(A::SCOPE);
        call.problems.extend([Kind::Unauthorized, Kind::InsufficientScope]);
    }
}

impl<T> Part for Path<T> {
    fn describe(call: &mut Call) {
        call.problems.push(Kind::NotFound);
    }
}

impl<B: Body> Part for JsonRequest<B> {
    fn describe(call: &mut Call) {
        call.problems.extend([
            Kind::MalformedJson,
            Kind::UnsupportedMediaType,
            Kind::BodyTooLarge,
            Kind::Validation,
            Kind::CardNumberDetected,
        ]);
        if B::KEYED {
            call.problems.extend([
                Kind::IdempotencyKeyMissing,
                Kind::IdempotencyKeyInvalid,
                Kind::IdempotencyInProgress,
                Kind::IdempotencyMismatch,
            ]);
        }
        call.body = Some(RequestBody {
            name: B::NAME,
            schema: Fields::sketch(B::read),
            notes: B::NOTES,
            keyed: B::KEYED,
            required: !B::MAY_BE_EMPTY,
        });
    }
}

/// A handler that takes the address reads a list's query.
impl Part for Uri {
    fn describe(call: &mut Call) {
        call.problems.push(Kind::Validation);
        let limit =
            json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT });
        call.query("limit", ParameterSchema::Is(limit), "How many items at most.");
        let cursor = json!({ "type": "string" });
        call.query("cursor", ParameterSchema::Is(cursor), "The `next_cursor` of the page before.");
    }
}

/// The whole request: what such a handler reads is said in the table of routes.
impl Part for Request {
    fn describe(_call: &mut Call) {}
}

/// A handler whose every argument is described.
pub trait Described<Parts> {
    fn describe(call: &mut Call);
}

/// A handler takes any number of arguments and Rust has no trait for that; so one impl for each number, as axum
/// does it for its own `Handler`.
macro_rules! described {
    ($($part:ident),*) => {
        impl<F, R, $($part: Part),*> Described<($($part,)*)> for F
        where
            F: Fn($($part),*) -> R,
        {
            fn describe(_call: &mut Call) {
                $($part::describe(_call);)*
            }
        }
    };
}

described!();
described!(A);
described!(A, B);
described!(A, B, C);
described!(A, B, C, D);

/// `GET`
pub fn get<H, T, P>(path: &'static str, id: &'static str, handler: H) -> Route
where
    H: Handler<T, Front> + Described<P>,
    T: 'static,
{
    Route::new("get", path, id, H::describe, routing::get(handler))
}

/// `POST`
pub fn post<H, T, P>(path: &'static str, id: &'static str, handler: H) -> Route
where
    H: Handler<T, Front> + Described<P>,
    T: 'static,
{
    Route::new("post", path, id, H::describe, routing::post(handler))
}

/// `PATCH`
pub fn patch<H, T, P>(path: &'static str, id: &'static str, handler: H) -> Route
where
    H: Handler<T, Front> + Described<P>,
    T: 'static,
{
    Route::new("patch", path, id, H::describe, routing::patch(handler))
}

/// `DELETE`
pub fn delete<H, T, P>(path: &'static str, id: &'static str, handler: H) -> Route
where
    H: Handler<T, Front> + Described<P>,
    T: 'static,
{
    Route::new("delete", path, id, H::describe, routing::delete(handler))
}

impl Route {
    fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        describe: fn(&mut Call),
        methods: MethodRouter<Front>,
    ) -> Self {
        let mut call = Call {
            method,
            path,
            id,
            summary: "",
            says: "",
            scope: None,
            body: None,
            foreign_body: None,
            parameters: vec![],
            answers: vec![],
            // Whatever is asked: the door may be full, the database away, and the hub may fail.
            problems: vec![Kind::Overloaded, Kind::StorageUnavailable, Kind::Internal],
            codes: vec![],
        };
        // Whoever has a key has its pace; whoever has to prove something and does not has that of the address.
        if ["/v1/", "/pay/", "/return/", "/webhooks/"].iter().any(|start| path.starts_with(start)) {
            call.problems.push(Kind::RateLimited);
        }
        if path.starts_with("/v1/") {
            // Of the address and the key, which are looked at for every call.
            call.problems.push(Kind::CardNumberDetected);
        }
        describe(&mut call);
        Self { call, methods }
    }

    /// What it does, in a line and at length.
    #[must_use]
    pub fn does(mut self, summary: &'static str, says: &'static str) -> Self {
        (self.call.summary, self.call.says) = (summary, says);
        self
    }

    /// A part of its path.
    #[must_use]
    pub fn at<T: JsonSchema>(mut self, name: &'static str, says: &'static str) -> Self {
        let schema = ParameterSchema::Of(|generator| generator.subschema_for::<T>());
        self.call.parameters.push(Parameter { name, place: "path", schema, says: says.to_owned() });
        self
    }

    /// A filter of its list.
    #[must_use]
    pub fn filter<T: JsonSchema>(mut self, name: &'static str, says: &str) -> Self {
        let schema = ParameterSchema::Of(|generator| generator.subschema_for::<T>());
        self.call.query(name, schema, says);
        self
    }

    /// A filter that takes one of these words.
    #[must_use]
    pub fn filter_of_words(mut self, name: &'static str, words: &[&str], says: &str) -> Self {
        let schema = ParameterSchema::Is(json!({ "type": "string", "enum": words }));
        self.call.query(name, schema, says);
        self
    }

    /// A body that is no JSON of ours.
    #[must_use]
    pub fn takes(mut self, media_type: &'static str, schema: Value) -> Self {
        self.call.foreign_body = Some((media_type, schema));
        self
    }

    /// An answer with a JSON object.
    #[must_use]
    pub fn answers<T: JsonSchema>(self, status: &'static str, says: &'static str) -> Self {
        self.answer(status, says, Content::Json(|generator| generator.subschema_for::<T>()))
    }

    /// An answer with a text or page.
    #[must_use]
    pub fn shows(self, status: &'static str, media_type: &'static str, says: &'static str) -> Self {
        self.answer(status, says, Content::Page(media_type))
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(self, status: &'static str, says: &'static str) -> Self {
        self.answer(status, says, Content::Nothing)
    }

    /// An answer that leads on.
    #[must_use]
    pub fn leads_on(self, says: &'static str) -> Self {
        self.answer("303", says, Content::Location)
    }

    fn answer(mut self, status: &'static str, says: &'static str, content: Content) -> Self {
        self.call.answers.push(Answer { status, says, content });
        self
    }

    /// Problems of its own.
    #[must_use]
    pub fn refuses(mut self, kinds: &[Kind]) -> Self {
        self.call.problems.extend(kinds);
        self
    }

    /// Codes that are nearer than their kind's own.
    #[must_use]
    pub fn refuses_as(mut self, kind: Kind, codes: &[&'static str]) -> Self {
        self.call.problems.push(kind);
        self.call.codes.extend(codes.iter().map(|code| (kind, *code)));
        self
    }

    /// Puts its handler into a router.
    pub fn onto(self, router: axum::Router<Front>) -> axum::Router<Front> {
        router.route(self.call.path, self.methods)
    }
}

impl Call {
    /// Whether it takes an idempotency key.
    pub(super) fn is_keyed(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.keyed)
    }

    fn query(&mut self, name: &'static str, schema: ParameterSchema, says: &str) {
        self.parameters.push(Parameter { name, place: "query", schema, says: says.to_owned() });
    }
}
