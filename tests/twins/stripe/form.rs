//! Forms with brackets in their names, read as trees: `line_items[0][price_data][currency]=eur`.
//!
//! Source: docs.stripe.com/api. Bodies are form-encoded; nested fields and lists are written in brackets.

use serde_json::{Map, Value};

/// A field's value, or the fields below it, in the order they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Leaf(String),
    Branch(Vec<(String, Self)>),
}

impl Tree {
    /// Reads a body or a query.
    ///
    /// # Errors
    /// The name of a field that cannot be read, or that comes twice.
    pub(super) fn parse(encoded: &[u8]) -> Result<Self, String> {
        let mut root = Self::Branch(vec![]);
        for (name, value) in form_urlencoded::parse(encoded) {
            let path = path(&name).ok_or_else(|| name.to_string())?;
            root.put(&path, &value).ok_or_else(|| name.to_string())?;
        }
        Ok(root)
    }

    fn put(&mut self, path: &[String], value: &str) -> Option<()> {
        let Self::Branch(fields) = self else { return None };
        let [first, rest @ ..] = path else { return None };
        // `expand[]` may come several times: each is one more.
        let name = if first.is_empty() { fields.len().to_string() } else { first.clone() };
        let place = match fields.iter().position(|(known, _)| *known == name) {
            Some(place) => place,
            None => {
                fields.push((name, Self::Branch(vec![])));
                fields.len() - 1
            }
        };
        let field = &mut fields[place].1;
        if !rest.is_empty() {
            return field.put(rest, value);
        }
        let is_new = *field == Self::Branch(vec![]);
        *field = Self::Leaf(value.to_owned());
        is_new.then_some(())
    }

    /// The fields of a branch; none of a value.
    pub(super) fn fields(&self) -> &[(String, Self)] {
        match self {
            Self::Leaf(_) => &[],
            Self::Branch(fields) => fields,
        }
    }

    fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |tree, name| {
            tree.fields().iter().find(|(known, _)| known == name).map(|(_, field)| field)
        })
    }

    /// The text at a path such as `line_items/0/quantity`.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Self::Leaf(text) => Some(text),
            Self::Branch(_) => None,
        }
    }

    /// The whole number at a path; the published types were checked before.
    pub(super) fn integer(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// The texts of the branch at a path, as an object.
    pub(super) fn texts(&self, path: &str) -> Map<String, Value> {
        let fields = self.at(path).map_or(&[][..], Self::fields);
        let text = |(name, field): &(String, Self)| match field {
            Self::Leaf(text) => Some((name.clone(), Value::String(text.clone()))),
            Self::Branch(_) => None,
        };
        fields.iter().filter_map(text).collect()
    }
}

/// `a[b][0]` as its parts.
fn path(name: &str) -> Option<Vec<String>> {
    let (first, rest) = name.split_once('[').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let mut parts = vec![first.to_owned()];
    if let Some(rest) = rest {
        let inner = rest.strip_suffix(']')?;
        parts.extend(inner.split("][").map(str::to_owned));
    }
    let is_good = |part: &String| !part.contains(['[', ']']);
    (!first.is_empty() && parts.iter().all(is_good)).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_make_trees() {
        let tree = Tree::parse(b"a=1&b[c]=2&d[0][e]=3&d[0][f]=4&expand[]=x&expand[]=y").unwrap();
        let rows =
            [("a", "1"), ("b/c", "2"), ("d/0/e", "3"), ("d/0/f", "4"), ("expand/0", "x"), ("expand/1", "y")];
        for (path, expected) in rows {
            assert_eq!(tree.text(path), Some(expected), "{path}");
        }
        assert_eq!((tree.text("b"), tree.text("d/1/e"), tree.integer("d/0/f")), (None, None, Some(4)));
    }

    #[test]
    fn what_is_no_form_of_stripes_is_not_read() {
        for form in ["a=1&a=2", "a[b=1", "a]b=1", "=1", "a=1&a[b]=2", "a[b]=1&a=2", "a[[b]]=1"] {
            assert!(Tree::parse(form.as_bytes()).is_err(), "{form}");
        }
    }
}
