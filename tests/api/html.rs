//! Just enough of a reader of HTML to ask whether a page is plain, labeled and free of markup that is not
//! its own.

/// An element's start tag, and the text that stands in it (that of its children included).
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A page as its elements in the order of their starts.
pub(super) struct Document {
    elements: Vec<Element>,
}

/// Elements that never have content.
const VOID: [&str; 5] = ["meta", "input", "img", "br", "link"];
/// Elements whose content is no markup.
const RAW: [&str; 2] = ["style", "script"];

impl Document {
    /// Reads a page. Every element must be closed and every attribute quoted, as the hub's templates have it.
    pub(super) fn parse(html: &str) -> Self {
        let mut rest = html.strip_prefix("<!doctype html>").expect("a doctype, so that no browser guesses");
        let mut elements: Vec<Element> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        while !rest.is_empty() {
            let (text, markup) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            for index in &open {
                elements[*index].text.push_str(&unescaped(text));
            }
            rest = markup;
            if let Some(closing) = rest.strip_prefix("</") {
                let (name, after) = closing.split_once('>').expect("an end tag");
                let index = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
                assert_eq!(elements[index].name, name, "elements overlap");
                rest = after;
            } else if let Some(tag) = rest.strip_prefix('<') {
                let (element, after) = start_tag(tag);
                let name = element.name.clone();
                elements.push(element);
                rest = after;
                if RAW.contains(&name.as_str()) {
                    let (content, after) = rest.split_once(&format!("</{name}>")).expect("an end");
                    elements.last_mut().expect("just pushed").text = content.to_owned();
                    rest = after;
                } else if !VOID.contains(&name.as_str()) {
                    open.push(elements.len() - 1);
                }
            }
        }
        assert!(open.is_empty(), "elements are left open");
        Self { elements }
    }

    pub(super) fn all(&self, name: &str) -> Vec<&Element> {
        self.elements.iter().filter(|element| element.name == name).collect()
    }

    #[track_caller]
    pub(super) fn one(&self, name: &str) -> &Element {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "<{name}>: {all:?}");
        all[0]
    }

    /// What a reader reads.
    pub(super) fn text(&self) -> &str {
        &self.one("body").text
    }

    /// What must hold for every page of the hub, for every reader and against every text in it.
    #[track_caller]
    pub(super) fn is_plain_and_accessible(&self) {
        assert!(
            self.one("html").attribute("lang").is_some_and(|language| !language.is_empty()),
            "no language"
        );
        assert!(!self.one("title").text.trim().is_empty(), "no title");
        assert!(!self.one("h1").text.trim().is_empty(), "no heading");
        self.one("main");
        let viewport = self.all("meta").into_iter().find(|meta| meta.attribute("name") == Some("viewport"));
        let viewport = viewport.and_then(|meta| meta.attribute("content")).expect("a viewport");
        assert!(
            !viewport.contains("user-scalable") && !viewport.contains("maximum-scale"),
            "cannot be enlarged"
        );
        for element in self.all("button").into_iter().chain(self.all("a")) {
            assert!(!element.text.trim().is_empty(), "nothing to read: {element:?}");
        }
        for input in self.all("input") {
            assert_eq!(input.attribute("type"), Some("hidden"), "an input without a label: {input:?}");
        }
        for image in self.all("img") {
            assert!(image.attribute("alt").is_some(), "{image:?}");
        }
        for element in &self.elements {
            let known = [
                "html", "head", "meta", "title", "style", "script", "body", "main", "h1", "p", "form", "ul",
                "li", "button", "a", "dl", "dt", "dd", "img", "input",
            ];
            assert!(known.contains(&element.name.as_str()), "not of the hub: {element:?}");
            for (name, value) in &element.attributes {
                assert!(!name.starts_with("on") && name != "style", "{element:?}");
                let is_address = ["href", "src", "action", "formaction"].contains(&name.as_str());
                let goes_well = value.is_empty()
                    || value.starts_with('/')
                    || value.starts_with("https://")
                    || value.starts_with("http://");
                assert!(!is_address || goes_well, "{element:?}");
            }
        }
    }
}

fn start_tag(tag: &str) -> (Element, &str) {
    let end_of_name = tag.find(|letter: char| !letter.is_ascii_alphanumeric()).expect("a tag");
    let (name, mut rest) = tag.split_at(end_of_name);
    assert!(!name.is_empty(), "a bare < in the page: {tag:.60}");
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('>') {
            return (Element { name: name.to_owned(), attributes, text: String::new() }, after);
        }
        let (attribute, after) = rest.split_once("=\"").expect("a quoted attribute");
        let (value, after) = after.split_once('"').expect("the end of an attribute");
        assert!(
            attribute.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'),
            "{attribute:?}"
        );
        attributes.push((attribute.to_owned(), unescaped(value)));
        rest = after;
    }
}

/// Text with its character references resolved.
fn unescaped(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        result.push_str(before);
        let (name, after) = reference.split_once(';').expect("a bare & in the page");
        let code = name.strip_prefix("#x").map(|digits| u32::from_str_radix(digits, 16));
        let code = code.or_else(|| name.strip_prefix('#').map(str::parse));
        result.push(match (name, code) {
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("amp", _) => '&',
            ("quot", _) => '"',
            (_, Some(Ok(code))) => char::from_u32(code).expect("a character"),
            (other, _) => panic!("an unknown reference: {other}"),
        });
        rest = after;
    }
    result.push_str(rest);
    result
}

#[test]
fn pages_are_read() {
    let page = Document::parse(
        "<!doctype html><p id=\"a&quot;\">x &lt;b&gt; &#39;<a href=\"/\">y</a></p><meta name=\"z\">",
    );
    assert_eq!(page.one("p").text, "x <b> 'y");
    assert_eq!(page.one("p").attribute("id"), Some("a\""));
    assert_eq!(page.one("a").text, "y");
    assert_eq!(page.all("meta").len(), 1);
}
