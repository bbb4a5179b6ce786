//! What `uri` sends: text as it stands, JSON, forms of both kinds, or a file.

use super::answer::failed_to;
use super::given::plain;
use super::{ModuleError, Request};
use crate::host::paths::base_name;
use crate::host::{Host, sys};
use luthier_protocol::Value;
use luthier_protocol::task::Content;
use std::fmt::Write as _;

/// The bytes, and the `Content-Type` unless the task gives one.
pub(super) fn body(host: &Host, request: &Request<'_>) -> Result<(Option<Vec<u8>>, Option<String>), ModuleError> {
    let own = request.value("headers").and_then(Value::as_object);
    let typed = own.is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")));
    let kind = |kind: &str| (!typed).then(|| kind.to_owned());
    if let Some(src) = request.text("src") {
        let bytes = match request.content {
            Some(Content::Inline(bytes)) if !request.flag("remote_src") => bytes.clone(),
            _ => {
                let path = host.absolute(src);
                host.read(&path).map_err(|error| {
                    ModuleError::new(format!("Unable to open source file {path}: {error}")).with("elapsed", 0)
                })?
            }
        };
        return Ok((Some(bytes), None));
    }
    let body = request.value("body");
    match (request.text("body_format"), body) {
        (Some("json"), body) => Ok((body.map(|body| plain(body).into_bytes()), kind("application/json"))),
        (Some("form-urlencoded"), body) => {
            let text = body.map(form).transpose()?;
            Ok((text.map(String::into_bytes), kind("application/x-www-form-urlencoded")))
        }
        (Some("form-multipart"), Some(body)) => multipart(host, body).map(|(bytes, kind)| (Some(bytes), Some(kind))),
        (Some("form-multipart"), None) => Err(ModuleError::new("body must be mapping, cannot be type NoneType")),
        (_, body) => Ok((body.map(|body| plain(body).into_bytes()), None)),
    }
}

/// `a=1&b=x+y`; a list as a value repeats its key.
fn form(body: &Value) -> Result<String, ModuleError> {
    let pair = |row: &Value| match row.as_array().map(Vec::as_slice) {
        Some([key, value]) => Some((plain(key), value.clone())),
        _ => None,
    };
    let pairs: Option<Vec<(String, Value)>> = match body {
        Value::Object(map) => Some(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        Value::Array(rows) => rows.iter().map(pair).collect(),
        text => return Ok(plain(text)),
    };
    let pairs = pairs.ok_or_else(|| {
        ModuleError::new("failed to parse body as form_urlencoded: a list must hold pairs of name and value")
    })?;
    let mut out: Vec<String> = Vec::new();
    for (key, value) in pairs {
        let values = match value {
            Value::Array(values) => values,
            Value::Null => continue,
            other => vec![other],
        };
        for value in values.iter().filter(|value| !value.is_null()) {
            // Truth values as Python writes them.
            let text = match value {
                Value::Bool(true) => "True".to_owned(),
                Value::Bool(false) => "False".to_owned(),
                other => plain(other),
            };
            out.push(format!("{}={}", quoted(&key), quoted(&text)));
        }
    }
    Ok(out.join("&"))
}

/// As in a form: a blank is `+`.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let _ = match byte {
            b' ' => write!(out, "+"),
            byte if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) => write!(out, "{}", char::from(byte)),
            byte => write!(out, "%{byte:02X}"),
        };
    }
    out
}

/// A form whose parts may be files.
fn multipart(host: &Host, body: &Value) -> Result<(Vec<u8>, String), ModuleError> {
    let wrong = |message: &str| ModuleError::new(format!("failed to parse body as form-multipart: {message}"));
    let fields = body.as_object().ok_or_else(|| wrong("Mapping is required"))?;
    let boundary = sys::random_word().map_err(|error| wrong(&error.to_string()))?;
    let mut out = Vec::new();
    for (name, value) in fields {
        let of = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (content, file, kind) = match value {
            Value::String(text) => (text.as_bytes().to_vec(), None, "text/plain"),
            Value::Object(_) => {
                let kind = of("mime_type").unwrap_or("application/octet-stream");
                let content = match (of("content"), of("filename")) {
                    (Some(content), _) => content.as_bytes().to_vec(),
                    (None, Some(path)) => {
                        let path = host.absolute(path);
                        host.read(&path).map_err(failed_to("read", &path))?
                    }
                    (None, None) => return Err(wrong("at least one of filename or content must be provided")),
                };
                (content, of("filename").map(base_name), kind)
            }
            _ => return Err(wrong("value must be a string, or mapping")),
        };
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{}\"", in_quotes(file)));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\nContent-Type: {}\r\n\r\n",
            in_quotes(name),
            kind.replace(['\r', '\n'], "")
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((out, format!("multipart/form-data; boundary={boundary}")))
}

fn in_quotes(text: &str) -> String {
    text.replace('"', "%22").replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::machine;
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_are_written_as_python_writes_them() {
        assert_eq!(
            form(&json!({"a": "x y&", "b": [1, null, "ü"], "c": true, "d": null})).unwrap(),
            "a=x+y%26&b=1&b=%C3%BC&c=True"
        );
        assert_eq!(form(&json!([["a", 1], ["a", 2]])).unwrap(), "a=1&a=2");
        assert_eq!(form(&json!("a=b")).unwrap(), "a=b");
        assert!(form(&json!([1])).is_err());
    }

    #[test]
    fn parts_are_told_apart() {
        let (_folder, host) = machine(&[("etc/x", "file\n")]);
        let fields = json!({"f": {"filename": "/etc/x", "mime_type": "text/x"}, "t": "text"});
        let (bytes, kind) = multipart(&host, &fields).unwrap();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: text/x\r\n\r\nfile\n\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"t\"\r\nContent-Type: text/plain\r\n\r\ntext\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
