//! `uri`: one request to a web service, by the host's own curl (or wget, for GET).
//!
//! What a request does to the service nobody here can undo, nor foretell: a check passes it over. GET and HEAD only ask,
//! and nothing is left of them. Only the file that `dest` names is a change.

use super::answer::{is_directory, set, with_path_info};
use super::declare::{
    ATTRIBUTES, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, param, returned, texts,
};
use super::get_url::{http_date, place};
use super::pattern::latin1;
use super::tool::{Step, Undo, words};
use super::uri_body::body;
use super::web::{self, Call, Tool, file_name, masked};
use super::web_answer::{self, Answer};
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::paths::join;
use crate::host::{Host, Kind};
use luthier_protocol::change::{Probe, State};
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Content;
use luthier_protocol::{Map, Value};
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    web::URL,
    param("method", ParamKind::Str, "Of the request, in capitals. wget knows GET only.").default("GET").end(),
    param("body", ParamKind::Raw, "What to send.").end(),
    param("body_format", ParamKind::Str, "How a `body` that is no text is written, and the `Content-Type`.")
        .default("raw")
        .one_of(texts!["form-urlencoded", "json", "raw", "form-multipart"])
        .end(),
    param("src", ParamKind::Path, "File to send: of the controller, or of the host with `remote_src`.").end(),
    param("remote_src", ParamKind::Bool, "`src` is on the host.").default("false").end(),
    param("dest", ParamKind::Path, "File or directory for the content of the answer.").end(),
    param("creates", ParamKind::Path, "Nothing is asked when this path exists.").end(),
    param("removes", ParamKind::Path, "Nothing is asked unless this path exists.").end(),
    param("return_content", ParamKind::Bool, "Return the content of the answer, whatever it is.")
        .default("false")
        .end(),
    param("follow_redirects", ParamKind::Str, "Go where the server points: `safe` does so for GET and HEAD.")
        .default("safe")
        .one_of(texts!["all", "no", "none", "safe", "urllib2", "yes"])
        .end(),
    param("status_code", ParamKind::List, "Status codes that are no failure.").default("[200]").end(),
    param("timeout", ParamKind::Int, "Seconds the server may stay silent.").default("30").end(),
    param("force", ParamKind::Bool, "Ask caches to stand aside.").default("false").end(),
    web::HEADERS,
    param("url_username", ParamKind::Str, "Name to log in with.").also(texts!["user"]).end(),
    param("url_password", ParamKind::Str, "Password to log in with.").also(texts!["password"]).end(),
    web::BASIC,
    web::AGENT,
    web::PROXY,
    web::CERTS,
    param("ca_path", ParamKind::Path, "File with certificates to trust (PEM).").end(),
    web::CLIENT_CERT,
    web::CLIENT_KEY,
    param("unix_socket", ParamKind::Path, "Socket to connect to instead of the address (curl only).").end(),
    web::CIPHERS,
    web::NETRC,
    web::GSSAPI,
    web::DECOMPRESS,
    MODE,
    OWNER,
    GROUP,
    ATTRIBUTES,
    SEUSER,
    SEROLE,
    SETYPE,
    SELEVEL,
    UNSAFE_WRITES,
];

const RETURNS: &[ReturnSpec] = &[
    returned("status", "HTTP status; -1 where no whole answer came."),
    returned("url", "The address that answered."),
    returned("redirected", "It is another one than was asked."),
    returned("content", "The content, with `return_content`."),
    returned("json", "The content as a value, where it is JSON."),
    returned("cookies", "Cookies by name."),
    returned("cookies_string", "Cookies as a header sends them back."),
    returned("elapsed", "Seconds it took."),
    returned("path", "The file of `dest`."),
    returned("location", "The header, made a whole address. Every header is a value: lower case, `_` for `-`."),
];

static SPEC: ModuleSpec = Spec {
    name: "uri",
    aliases: texts!["ansible.builtin.uri", "ansible.legacy.uri"],
    summary: "Make a request to a web service from the host, with the host's curl or wget.",
    params: PARAMS,
    exclusive: &[Cow::Borrowed(texts!["body", "src"])],
    example: "- uri:\n    url: http://127.0.0.1:9090/-/ready\n    status_code: [200, 204]\n  register: ready\n  retries: 10\n  until: ready is succeeded\n",
    returns: RETURNS,
    revertible: false,
    ..Spec::NONE
}
.end();

/// Values that a server's headers must not set: they mean something to whoever reads a result.
const OWN: [&str; 8] = ["changed", "failed", "skipped", "invocation", "warnings", "exception", "diff", "results"];

/// The module.
pub struct Uri;

impl Module for Uri {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let method = request.text("method").unwrap_or("GET").to_ascii_uppercase();
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let message = "Parameter 'method' needs to be a single word in uppercase, like GET or POST.";
            return Err(ModuleError::new(message));
        }
        if let Some(reason) = super::run_report::needless(host, request, None) {
            let result = Map::from_iter([("stdout".to_owned(), format!("skipped, since {reason}").into())]);
            return Ok(Wanted { result, ..Wanted::default() });
        }
        let url = request.needed("url")?;
        if let Some(run) = request.said.first() {
            return answered(host, request, answer(host, url, run)?);
        }
        let from_controller = request.text("src").is_some() && !request.flag("remote_src");
        if from_controller && matches!(request.content, Some(Content::Offered { .. })) {
            return Ok(Wanted { needs_content: true, ..Wanted::default() });
        }
        let (body, kind) = body(host, request)?;
        let safe = matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let follow = match request.text("follow_redirects") {
            Some("all" | "yes" | "urllib2") => true,
            Some("no" | "none") => false,
            _ => safe,
        };
        let mut call = Call { method: &method, body, follow, ..Call::get(request, url) };
        call.headers.extend(kind.map(|kind| ("Content-Type".to_owned(), kind)));
        if request.flag("force") {
            call.headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        } else if let Some(dest) = request.text("dest")
            && let Ok(Some(stat)) = host.stat(&host.absolute(dest))
            && stat.kind == Kind::File
        {
            call.headers.push(("If-Modified-Since".to_owned(), http_date(stat.mtime_ns.div_euclid(1_000_000_000))));
        }
        let (_, run) = call.run(host)?;
        // The status travels behind the output: a request that failed has values to return too.
        let mut argv = words(&["/bin/sh", "-c", "\"$@\"; printf '\\n%d' $?", "sh"]);
        argv.extend(run.argv);
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let undo = if safe {
            Undo::By(
                words(&["true"]),
                Probe { argv: words(&["/bin/true"]), before: String::new(), after: String::new() },
            )
        } else {
            Undo::Never("what a request did to a web service cannot be undone")
        };
        let label = Some(format!("{method} {}", masked(shown)));
        let mut change = Step { label, converges: false, ..Step::new(argv, undo) }.change(request);
        if let State::Run(made) = &mut change.after {
            (made.stdin, made.script) = (run.stdin, run.script);
        }
        let skipped = Some("no request is made in check mode".to_owned());
        Ok(Wanted { prepare: vec![change], skipped, quiet: true, ..Wanted::default() })
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "path"))
    }
}

/// What the command printed.
fn answer(host: &Host, url: &str, run: &RunOutput) -> Result<Answer, ModuleError> {
    let mut stdout = run.stdout.clone();
    let end = stdout.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let rc = String::from_utf8_lossy(stdout.get(end..).unwrap_or_default()).trim().parse().unwrap_or(1);
    stdout.truncate(end);
    let tool = if host.program("curl").is_some() { Tool::Curl } else { Tool::Wget };
    Ok(web_answer::read(tool, url, rc, stdout, &run.stderr, run.end.0 - run.start.0))
}

/// What the task makes of the answer.
fn answered(host: &Host, request: &Request<'_>, mut answer: Answer) -> Result<Wanted, ModuleError> {
    if request.unless_denied("decompress") {
        answer.unpack()?;
    }
    let url = masked(request.needed("url")?);
    let mut wanted = Wanted { result: values(&answer, &url), ..Wanted::default() };
    let codes = request.list("status_code");
    let expected = codes.iter().any(|code| code.trim().parse::<i64>().ok() == Some(answer.status));
    let json = is_json(&answer);
    if json || request.flag("return_content") {
        let content = text(&answer);
        if let Some(value) = json.then(|| serde_json::from_str::<Value>(&content).ok()).flatten() {
            set(&mut wanted.result, "json", value);
        }
        if request.flag("return_content") {
            set(&mut wanted.result, "content", content.into());
        }
    }
    if !expected {
        let message = format!("Status code was {} and not [{}]: {}", answer.status, codes.join(", "), answer.message());
        return Err(ModuleError { message, result: wanted.result });
    }
    if let Some(dest) = request.text("dest") {
        let mut dest = host.absolute(dest);
        if is_directory(host, &dest) {
            let name = answer.suggested_name().unwrap_or_else(|| file_name(&answer.url).to_owned());
            dest = join(&dest, &name);
        }
        if answer.status != 304 {
            wanted.changes = place(host, request, dest.clone(), answer.body)?.changes;
        }
        set(&mut wanted.result, "path", dest.into());
    }
    Ok(wanted)
}

fn values(answer: &Answer, url: &str) -> Map {
    let mut result = Map::new();
    for (name, value) in &answer.headers {
        let key = name.replace('-', "_");
        if !OWN.contains(&key.as_str()) && !key.starts_with("ansible_") && !key.starts_with('_') {
            result.insert(key, value.as_str().into());
        }
    }
    if let Some(location) = answer.header("location") {
        set(&mut result, "location", joined(&answer.url, location).into());
    }
    let (cookies, string) = answer.cookies();
    set(&mut result, "cookies", cookies.into());
    set(&mut result, "cookies_string", string.into());
    set(&mut result, "redirected", (answer.url != url).into());
    set(&mut result, "url", answer.url.as_str().into());
    set(&mut result, "status", answer.status.into());
    set(&mut result, "msg", answer.message().into());
    set(&mut result, "elapsed", answer.elapsed.into());
    result
}

/// Type of the content, without its parameters.
fn is_json(answer: &Answer) -> bool {
    let kind = answer.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let sub = kind.split_once('/').map_or("", |(_, sub)| sub).trim();
    let last = sub.rsplit('+').next().unwrap_or(sub);
    last.eq_ignore_ascii_case("json") || last.eq_ignore_ascii_case("javascript")
}

fn text(answer: &Answer) -> String {
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.contains("iso-8859-1") || kind.contains("latin1") {
        return latin1(&answer.body);
    }
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// An address as seen from another.
fn joined(base: &str, location: &str) -> String {
    let Some((scheme, rest)) = base.split_once("://").filter(|_| !location.contains("://")) else {
        return location.to_owned();
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if location.starts_with("//") {
        return format!("{scheme}:{location}");
    }
    if location.starts_with('/') {
        return format!("{scheme}://{host}{location}");
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or(host, |(folder, _)| folder);
    format!("{scheme}://{folder}/{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_seen_from_where_it_was_told() {
        for (location, whole) in
            [("http://x/y", "http://x/y"), ("//x/y", "http://x/y"), ("/y", "http://h:1/y"), ("y", "http://h:1/a/y")]
        {
            assert_eq!(joined("http://h:1/a/b?c=/d", location), whole);
        }
    }

    #[test]
    fn headers_are_values_but_not_verdicts() {
        let headers = [("x-one", "1"), ("failed", "x"), ("ansible-facts", "y"), ("location", "/z")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let answer = Answer { status: 302, url: "http://h/".to_owned(), headers, ..Answer::default() };
        let result = values(&answer, "http://h/");
        assert_eq!(result.get("x_one"), Some(&"1".into()));
        assert_eq!(result.get("location"), Some(&"http://h/z".into()));
        assert!(!result.contains_key("failed") && !result.contains_key("ansible_facts"));
        assert_eq!(result.get("redirected"), Some(&false.into()));
    }
}
