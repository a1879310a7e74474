//! An OpenAPI document as Markdown, for people.

use countersign::domain::denial::Denial;
use countersign::http::answer_to;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Method, path and operation of everything in a document, tag by tag.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let known = METHODS.into_iter().filter_map(move |method| item.get(method).map(|found| (method, found)));
        known.map(move |(method, operation)| (method.to_owned(), path.clone(), operation.clone()))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(method, path, operation)| (tag(operation).to_owned(), path.clone(), method.clone()));
    all
}

fn tag(operation: &Value) -> &str {
    operation["tags"][0].as_str().unwrap_or_default()
}

/// The document as Markdown: every endpoint, every shape, and every denial.
pub fn of(document: &Value) -> String {
    let mut out = String::from("## Endpoints\n\n| | | |\n|---|---|---|\n");
    let operations = operations(document);
    for (method, path, operation) in &operations {
        let name = title(method, path);
        let _ = writeln!(out, "| [`{name}`](#{}) | {} |", anchor(&name), text(&operation["summary"]));
    }
    out = out.replace("| | | |\n|---|---|---|", "| endpoint | what it does |\n|---|---|");
    for group in document["tags"].as_array().unwrap() {
        let _ = write!(out, "\n### {}\n", text(&group["description"]));
        for (method, path, operation) in operations.iter().filter(|(_, _, found)| tag(found) == text(&group["name"])) {
            endpoint(&mut out, &title(method, path), operation, document);
        }
    }
    out.push_str("\n## Shapes\n");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    // What is sent stands with its endpoint.
    let sent: BTreeSet<_> = operations.iter().flat_map(|(_, _, operation)| sent(operation)).collect();
    for (name, schema) in schemas.iter().filter(|(name, _)| !sent.contains(name.as_str())) {
        let _ = write!(out, "\n#### {name}\n\n{}\n\n", text(&schema["description"]));
        fields(&mut out, schema, ["always", "sometimes"]);
    }
    denials(&mut out);
    out
}

/// The names of the shapes that an endpoint is sent.
fn sent(operation: &Value) -> impl Iterator<Item = &str> {
    let contents = operation["requestBody"]["content"].as_object().into_iter().flatten();
    contents.filter_map(|(_, content)| content["schema"]["$ref"].as_str()?.rsplit('/').next())
}

fn title(method: &str, path: &str) -> String {
    format!("{} {path}", method.to_uppercase())
}

/// The anchor that Markdown viewers give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A text of the document; line ends within a paragraph are no more than spaces.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let paragraphs: Vec<String> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    paragraphs.join("\n\n")
}

fn endpoint(out: &mut String, name: &str, operation: &Value, document: &Value) {
    let _ = write!(out, "\n#### `{name}`\n\n{}.\n\n", text(&operation["summary"]).trim_end_matches('.'));
    if operation["description"].is_string() {
        let _ = write!(out, "{}\n\n", text(&operation["description"]));
    }
    let _ = write!(out, "Authentication: {}.\n\n", authentication(operation));
    if let Some(parameters) = operation["parameters"].as_array() {
        out.push_str("| parameter | in | | meaning |\n|---|---|---|---|\n");
        for parameter in parameters {
            let needed = if parameter["required"] == true { "required" } else { "optional" };
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let _ = writeln!(out, "| `{name}` | {place} | {needed} | {} |", text(&parameter["description"]));
        }
        out.push('\n');
    }
    for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(out, "Body: `{}`\n\n", content.0);
        let schema = resolved(&content.1["schema"], document);
        // What is said of it in words has no fields.
        if schema["properties"].is_object() {
            fields(out, schema, ["required", "optional"]);
            out.push('\n');
        }
    }
    out.push_str("| answer | meaning | body |\n|---|---|---|\n");
    for (status, answer) in operation["responses"].as_object().unwrap() {
        let _ = writeln!(out, "| {status} | {} | {} |", text(&answer["description"]), body(answer));
    }
}

fn authentication(operation: &Value) -> String {
    let Some(ways) = operation["security"].as_array() else { return "none".to_owned() };
    let words = ways.iter().map(|way| match way.as_object().unwrap().keys().next().map(String::as_str) {
        Some("client_basic") => "the client, by HTTP Basic or `client_id` and `client_secret` in the body",
        Some("api_key") => "`Authorization: Bearer` and an API key",
        Some("fusionauth_key") => "`Authorization` and an API key, without a scheme",
        Some("access_token") => "`Authorization: Bearer` and the access token",
        Some(other) => panic!("say what {other} is"),
        None if operation["tags"][0] == "fusionauth" => "none, where none is asked for",
        None => "a public client by its `client_id` alone",
    });
    words.rev().collect::<Vec<_>>().join("; ")
}

fn resolved<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

/// The body of an answer, as a link to its shape.
fn body(answer: &Value) -> String {
    let Some((kind, content)) = answer["content"].as_object().and_then(|content| content.iter().next()) else {
        return "empty".to_owned();
    };
    match content["schema"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => format!("[{name}](#{})", anchor(name)),
        None => format!("`{kind}`"),
    }
}

/// The fields of a shape: first those that must be there. `words` are for them and for the others.
fn fields(out: &mut String, schema: &Value, words: [&str; 2]) {
    let Some(properties) = schema["properties"].as_object() else { return };
    out.push_str("| field | type | | meaning |\n|---|---|---|---|\n");
    let is_optional =
        |name: &str| schema["required"].as_array().is_none_or(|required| required.iter().all(|of| of != name));
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by_key(|(name, _)| is_optional(name));
    for (name, field) in properties {
        let needed = words[usize::from(is_optional(name))];
        let mut meaning = text(&field["description"]);
        if let Some(example) = field.get("example").or_else(|| field["examples"].get(0)) {
            let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            let _ = write!(meaning, " Example: `{example}`");
        }
        let _ = writeln!(out, "| `{name}` | {} | {needed} | {meaning} |", kind(field));
    }
}

fn kind(field: &Value) -> String {
    if let Some(shape) = field["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("[{shape}](#{})", anchor(shape));
    }
    let name = |name: &Value| match name.as_str() {
        Some("array") => format!("list of {}", kind(&field["items"])),
        name => name.unwrap_or_default().to_owned(),
    };
    match &field["type"] {
        Value::Array(names) => names.iter().map(name).collect::<Vec<_>>().join(" or "),
        one => name(one),
    }
}

fn denials(out: &mut String) {
    out.push_str("\n## Denial codes\n\n");
    out.push_str("What stands behind a refusal, in events, metric labels and diagnostics. ");
    out.push_str("The caller sees only the answer.\n\n| code | meaning | answer |\n|---|---|---|\n");
    for denial in Denial::ALL {
        let (status, error) = answer_to(*denial);
        let _ = writeln!(out, "| `{}` | {} | {status} `{error}` |", denial.code(), denial.meaning());
    }
}
