//! Requests to web servers by the host's own curl or wget, which know its certificates and proxies: what `get_url`, `uri`
//! and `unarchive` share.
//!
//! Addresses, headers and passwords reach the program by a private file and its standard input, never by its command
//! line, which everybody on the host may read and the journal keeps.

use super::declare::param;
use super::given::plain;
use super::tool::{look, words};
use super::web_answer::{self, Answer};
use super::{ModuleError, Request};
use crate::host::Host;
use crate::host::job::Script;
use luthier_protocol::Value;
use luthier_protocol::change::{Bytes, Run};
use luthier_protocol::spec::{ParamKind, ParamSpec};
use std::fmt::Write as _;

/// Most bytes that are downloaded: as much as the journal keeps of an original.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

/// Of an address that leads elsewhere so often, as in Python.
const REDIRECTIONS: u32 = 10;

/// `url`.
pub(super) const URL: ParamSpec =
    param("url", ParamKind::Str, "Address: `http://`, `https://`, `ftp://`.").required().end();
/// `force_basic_auth`.
pub(super) const BASIC: ParamSpec =
    param("force_basic_auth", ParamKind::Bool, "Send name and password without being asked.").default("false").end();
/// `http_agent`.
pub(super) const AGENT: ParamSpec =
    param("http_agent", ParamKind::Str, "The `User-Agent` header.").default("ansible-httpget").end();
/// `use_proxy`.
pub(super) const PROXY: ParamSpec =
    param("use_proxy", ParamKind::Bool, "Heed the proxy variables of the environment.").default("true").end();
/// `validate_certs`.
pub(super) const CERTS: ParamSpec =
    param("validate_certs", ParamKind::Bool, "Refuse certificates that nobody vouches for.").default("true").end();
/// `client_cert`.
pub(super) const CLIENT_CERT: ParamSpec =
    param("client_cert", ParamKind::Path, "Certificate to log in with (PEM); it may hold the key as well.").end();
/// `client_key`.
pub(super) const CLIENT_KEY: ParamSpec = param("client_key", ParamKind::Path, "Its key (PEM).").end();
/// `headers`.
pub(super) const HEADERS: ParamSpec = param("headers", ParamKind::Dict, "Headers of the request.").end();
/// `decompress`.
pub(super) const DECOMPRESS: ParamSpec =
    param("decompress", ParamKind::Bool, "Unpack what the server sends as gzip.").default("true").end();
/// `ciphers`.
pub(super) const CIPHERS: ParamSpec = param("ciphers", ParamKind::List, "TLS ciphers, as OpenSSL names them.").end();
/// `use_netrc`.
pub(super) const NETRC: ParamSpec =
    param("use_netrc", ParamKind::Bool, "Take passwords from `~/.netrc`.").default("true").end();
/// `use_gssapi`.
pub(super) const GSSAPI: ParamSpec =
    param("use_gssapi", ParamKind::Bool, "Log in by Kerberos (curl only).").default("false").end();

/// A parameter that is handed on as it is: its name, curl's word and wget's for it; none: wget cannot.
const HANDED_ON: [(&str, &str, &str); 5] = [
    ("client_cert", "cert", "certificate"),
    ("client_key", "key", "private_key"),
    ("ca_path", "cacert", "ca_certificate"),
    ("http_agent", "user-agent", "user_agent"),
    ("unix_socket", "unix-socket", ""),
];

/// One request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The task, for what all web modules take.
    pub request: &'a Request<'a>,
    /// Where to.
    pub url: &'a str,
    /// What to do there.
    pub method: &'a str,
    /// Headers beside those of the task.
    pub headers: Vec<(String, String)>,
    /// What to send.
    pub body: Option<Vec<u8>>,
    /// Go where the server points to.
    pub follow: bool,
}

/// Which program carries it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// curl.
    Curl,
    /// GNU wget: GET only.
    Wget,
}

impl<'a> Call<'a> {
    /// A plain download.
    pub(super) fn get(request: &'a Request<'a>, url: &'a str) -> Self {
        Self { request, url, method: "GET", headers: Vec::new(), body: None, follow: true }
    }

    /// As a command: its settings are its `script`.
    pub(super) fn run(&self, host: &Host) -> Result<(Tool, Run), ModuleError> {
        let scheme = self.url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https" | "ftp")) {
            return Err(ModuleError::new(format!("unknown url type: {}", masked(self.url))));
        }
        let mut settings = Settings { text: String::new(), curl: true };
        if let Some(curl) = host.program("curl") {
            self.settings(host, &mut settings)?;
            self.for_curl(&mut settings)?;
            let mut argv = words(&[&curl, "-q"]);
            if self.body.is_some() {
                argv.extend(words(&["--data-binary", "@-"]));
            }
            argv.push("-K".to_owned());
            let stdin = self.body.clone().map(Bytes);
            return Ok((Tool::Curl, Run { argv, stdin, script: Some(settings.bytes()), ..Run::default() }));
        }
        let Some(wget) = host.program("wget") else {
            let message = "neither curl nor wget was found on this host: one of them is needed to reach URLs";
            return Err(ModuleError::new(message));
        };
        settings.curl = false;
        if self.method != "GET" || self.body.is_some() || self.request.flag("use_gssapi") {
            return Err(ModuleError::new("this host has wget only, which can do no more than GET: curl is needed"));
        }
        self.settings(host, &mut settings)?;
        self.for_wget(&mut settings)?;
        check(self.url)?;
        let argv = words(&[&wget, "-nv", "-O", "-", "-i", "-", "--config"]);
        let stdin = Some(Bytes(self.url.as_bytes().to_vec()));
        Ok((Tool::Wget, Run { argv, stdin, script: Some(settings.bytes()), ..Run::default() }))
    }

    /// What both programs know.
    fn settings(&self, host: &Host, settings: &mut Settings) -> Result<(), ModuleError> {
        let request = self.request;
        for (name, curl, wget) in HANDED_ON {
            let Some(value) = request.text(name).filter(|value| !value.is_empty()) else { continue };
            let path = if name == "http_agent" { value.to_owned() } else { host.absolute(value) };
            if !settings.curl && wget.is_empty() {
                return Err(ModuleError::new(format!("{name} needs curl, and this host has wget only")));
            }
            settings.put(if settings.curl { curl } else { wget }, &path)?;
        }
        let ciphers = request.list("ciphers");
        if !ciphers.is_empty() {
            settings.put("ciphers", &ciphers.join(":"))?;
        }
        let given = request.value("headers").and_then(Value::as_object).into_iter().flatten();
        let given = given.map(|(name, value)| (name.clone(), plain(value)));
        for (name, value) in given.chain(self.headers.iter().cloned()) {
            // curl leaves out a header without a value unless it is told so.
            let header =
                if value.is_empty() && settings.curl { format!("{name};") } else { format!("{name}: {value}") };
            settings.put("header", &header)?;
        }
        Ok(())
    }

    fn for_curl(&self, settings: &mut Settings) -> Result<(), ModuleError> {
        let request = self.request;
        settings.put("url", self.url)?;
        settings.text.push_str("silent\nshow-error\ngloboff\n");
        if is_http(self.url) {
            settings.text.push_str("include\n");
        }
        match self.method {
            "GET" if self.body.is_none() => {}
            "HEAD" => settings.text.push_str("head\n"),
            // Said outright, a POST would stay one where the server points elsewhere.
            "POST" if self.body.is_some() => {}
            method => settings.put("request", method)?,
        }
        if self.body.is_some() {
            settings.put("header", "Expect:")?;
        }
        let timeout = self.timeout();
        let _ = write!(settings.text, "connect-timeout={timeout}\nspeed-time={timeout}\nspeed-limit=1\n");
        for (on, word) in [
            (!request.unless_denied("validate_certs"), "insecure"),
            (request.unless_denied("use_netrc"), "netrc-optional"),
            (request.flag("use_gssapi"), "negotiate"),
            (self.follow, "location"),
        ] {
            if on {
                let _ = writeln!(settings.text, "{word}");
            }
        }
        let _ = writeln!(settings.text, "max-redirs={REDIRECTIONS}");
        if !request.unless_denied("use_proxy") {
            settings.put("noproxy", "*")?;
        }
        let password = request.text("url_password").unwrap_or_default();
        let gssapi = request.flag("use_gssapi");
        if let Some(user) = request.text("url_username").or(gssapi.then_some("")) {
            settings.put("user", &format!("{user}:{password}"))?;
            if !gssapi {
                settings.text.push_str(if request.flag("force_basic_auth") { "basic\n" } else { "anyauth\n" });
            }
        }
        settings.text.push_str(web_answer::TRAILER);
        Ok(())
    }

    fn for_wget(&self, settings: &mut Settings) -> Result<(), ModuleError> {
        let request = self.request;
        settings.text.push_str("save_headers=on\ncontent_on_error=on\ntries=1\n");
        let _ = writeln!(settings.text, "timeout={}", self.timeout());
        let redirections = if self.follow { REDIRECTIONS } else { 0 };
        let _ = writeln!(settings.text, "max_redirect={redirections}");
        for (on, line) in [
            (!request.unless_denied("validate_certs"), "check_certificate=off"),
            (!request.unless_denied("use_netrc"), "netrc=off"),
            (!request.unless_denied("use_proxy"), "use_proxy=off"),
            (request.flag("force_basic_auth"), "auth_no_challenge=on"),
        ] {
            if on {
                let _ = writeln!(settings.text, "{line}");
            }
        }
        for (name, word) in [("url_username", "user"), ("url_password", "password")] {
            if let Some(value) = request.text(name) {
                settings.put(word, value)?;
            }
        }
        Ok(())
    }

    /// Seconds without an answer.
    fn timeout(&self) -> i64 {
        self.request.int("timeout").unwrap_or(10).max(1)
    }

    /// Carry it out at once: for requests that change nothing.
    pub(super) fn look(&self, host: &Host) -> Result<Answer, ModuleError> {
        let (tool, run) = self.run(host)?;
        let wrong = |error: std::io::Error| ModuleError::new(format!("cannot run {}: {error}", tool.name()));
        let script = run.script.as_ref().map(|bytes| Script::write(host, &bytes.0)).transpose().map_err(wrong)?;
        let mut argv = run.argv;
        argv.extend(script.iter().map(|script| script.path().display().to_string()));
        let stdin = run.stdin.as_ref().map(|bytes| bytes.0.as_slice());
        let doing = ["download ", &masked(self.url)].concat();
        let ended = look(host, self.request, &argv, stdin, LARGEST, &doing)?;
        let elapsed = ended.end.0 - ended.start.0;
        Ok(web_answer::read(tool, self.url, ended.rc, ended.stdout, &ended.stderr, elapsed))
    }
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Wget => "wget",
        }
    }
}

/// The text of a program's settings.
struct Settings {
    text: String,
    curl: bool,
}

impl Settings {
    fn put(&mut self, word: &str, value: &str) -> Result<(), ModuleError> {
        check(value)?;
        let _ = if self.curl {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(self.text, "{word}=\"{escaped}\"")
        } else {
            writeln!(self.text, "{word}={value}")
        };
        Ok(())
    }

    fn bytes(self) -> Bytes {
        Bytes(self.text.into_bytes())
    }
}

/// A line break would end the setting, or smuggle another header in.
fn check(value: &str) -> Result<(), ModuleError> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(ModuleError::new("line breaks are not allowed in URLs, headers, names and passwords"));
    }
    Ok(())
}

/// Whether answers come with headers.
pub(super) fn is_http(url: &str) -> bool {
    url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

/// An address with name and password covered.
pub(super) fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..host).and_then(|host| host.rfind('@')) {
        Some(at) => {
            let (user, rest) = rest.split_at(at);
            format!("{scheme}://{}{rest}", if user.contains(':') { "****:****" } else { "****" })
        }
        None => url.to_owned(),
    }
}

/// The last part of an address's path, as a file's name.
pub(super) fn file_name(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
    match path.rsplit('/').next() {
        None | Some("" | "." | "..") => "index.html",
        Some(name) => name,
    }
}
