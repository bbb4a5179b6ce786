//! `get_url`: a file from a web server, by the host's own curl or wget.
//!
//! Downloading changes nothing on the host, so that a check downloads as well and tells the truth; only what arrived
//! whole, and with the right check sum, becomes a change of the file.

use super::answer::{exists, failed_to, is_directory, set, with_path_info};
use super::declare::{
    ATTRIBUTES, BACKUP, GROUP, MODE, OWNER, SELEVEL, SEROLE, SETYPE, SEUSER, Spec, UNSAFE_WRITES, param, returned,
    texts,
};
use super::placement;
use super::put::{self, Put};
use super::web::{self, Call, LARGEST, file_name, masked};
use super::web_answer::Answer;
use super::{Module, ModuleError, Request, RunOutput, Wanted};
use crate::host::hashes::{Algorithm, digest};
use crate::host::paths::join;
use crate::host::{Civil, Host};
use luthier_protocol::Map;
use luthier_protocol::change::Change;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec, ReturnSpec};
use luthier_protocol::task::Content;
use std::borrow::Cow;

const PARAMS: &[ParamSpec] = &[
    param("url", ParamKind::Str, "Address: `http://`, `https://`, `ftp://`, or `file://` for a file of the host.")
        .required()
        .end(),
    param("dest", ParamKind::Path, "Where to put it; in a directory it is named by the server or the address.")
        .required()
        .end(),
    param("checksum", ParamKind::Str, "`ALGORITHM:DIGEST`, or `ALGORITHM:URL` of a file that lists digests.")
        .default("")
        .end(),
    param("force", ParamKind::Bool, "Download whether or not the server has something newer.").default("false").end(),
    BACKUP,
    param("timeout", ParamKind::Int, "Seconds the server may stay silent.").default("10").end(),
    web::HEADERS,
    param("url_username", ParamKind::Str, "Name to log in with.").also(texts!["username"]).end(),
    param("url_password", ParamKind::Str, "Password to log in with.").also(texts!["password"]).end(),
    web::BASIC,
    web::AGENT,
    web::PROXY,
    web::CERTS,
    web::CLIENT_CERT,
    web::CLIENT_KEY,
    web::CIPHERS,
    web::NETRC,
    web::GSSAPI,
    web::DECOMPRESS,
    param("tmp_dest", ParamKind::Path, "Accepted; nothing is written before the download is complete.").end(),
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
    returned("dest", "The file's path."),
    returned("url", "The address that was asked for."),
    returned("status_code", "HTTP status."),
    returned("response", "Of a failure: what the server said."),
    returned("elapsed", "Seconds the download took."),
    returned("checksum_src", "SHA-1 of what was downloaded."),
    returned("checksum_dest", "SHA-1 of the file before."),
    returned("md5sum", "MD5 of the file."),
    returned("backup_file", "Where the old file is kept."),
    returned("mode", "Mode afterwards, octal."),
    returned("owner", "Owner afterwards."),
    returned("group", "Group afterwards."),
    returned("uid", "Owner's id."),
    returned("gid", "Group's id."),
    returned("size", "Length in bytes."),
    returned("state", "What the path is."),
];

static SPEC: ModuleSpec = Spec {
    name: "get_url",
    aliases: texts!["ansible.builtin.get_url", "ansible.legacy.get_url"],
    summary: "Download a file from a web server to the host, with the host's curl or wget.",
    params: PARAMS,
    example: "- get_url:\n    url: https://images.example.net/noble.img\n    dest: /var/lib/libvirt/images/noble.img\n    checksum: sha256:https://images.example.net/SHA256SUMS\n    mode: '0644'\n",
    returns: RETURNS,
    ..Spec::NONE
}
.end();

/// The module.
pub struct GetUrl;

impl Module for GetUrl {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn changes(&self, host: &Host, request: &Request<'_>) -> Result<Wanted, ModuleError> {
        let url = request.needed("url")?;
        let mut dest = host.absolute(request.needed("dest")?);
        let mut wanted = Wanted::default();
        set(&mut wanted.result, "url", masked(url).into());
        set(&mut wanted.result, "dest", dest.as_str().into());
        let checksum = checksum(host, request, url)?;
        let mut force = request.flag("force");
        let mut call = Call::get(request, url);
        let folder = is_directory(host, &dest);
        if !folder {
            dest.truncate(dest.trim_end_matches('/').len());
        }
        if !folder && let Some(stat) = host.stat(&dest).map_err(failed_to("look at", &dest))? {
            if let Some((algorithm, sum)) = checksum.as_ref().filter(|_| !force) {
                if host.digest(&dest, *algorithm).map_err(failed_to("read", &dest))? == *sum {
                    wanted.changes.extend(attributes_change(host, request, &dest)?);
                    let more = if wanted.changes.is_empty() { "" } else { " but file attributes changed" };
                    set(&mut wanted.result, "msg", format!("file already exists{more}").into());
                    wanted.result = with_path_info(host, wanted.result, "dest");
                    return Ok(wanted);
                }
                // What is there may be newer than the server's, and still the wrong one.
                force = true;
            }
            if !force {
                call.headers.push(("If-Modified-Since".to_owned(), http_date(stat.mtime_ns.div_euclid(1_000_000_000))));
            }
        }
        if force {
            call.headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        }
        let answer = download(host, &call)?;
        set(&mut wanted.result, "elapsed", answer.elapsed.into());
        set(&mut wanted.result, "status_code", answer.status.into());
        set(&mut wanted.result, "msg", answer.message().into());
        if answer.status == 304 && !call.headers.is_empty() {
            wanted.changes.extend(attributes_change(host, request, &dest)?);
            return Ok(wanted);
        }
        if answer.status != 200 {
            return Err(answer.failed(&dest));
        }
        if let Some((algorithm, sum)) = checksum {
            let found = digest(&answer.body, algorithm);
            if found != sum {
                let message = format!("The checksum for {} did not match {sum}; it was {found}.", masked(url));
                return Err(ModuleError { message, result: wanted.result });
            }
        }
        let dest = match answer.suggested_name() {
            _ if !folder => dest,
            Some(name) => join(&dest, &name),
            None => join(&dest, file_name(&answer.url)),
        };
        let there = exists(host, &dest)? && !is_directory(host, &dest);
        let before =
            there.then(|| host.digest(&dest, Algorithm::Sha1)).transpose().map_err(failed_to("read", &dest))?;
        set(&mut wanted.result, "checksum_dest", before.into());
        let mut placed = place(host, request, dest, answer.body)?;
        if let Some(sum) = placed.result.shift_remove("checksum") {
            set(&mut wanted.result, "checksum_src", sum);
        }
        wanted.result.extend(placed.result);
        wanted.changes = placed.changes;
        Ok(wanted)
    }

    fn report(&self, host: &Host, _: &Request<'_>, wanted: &Wanted, _: &[RunOutput]) -> Result<Map, ModuleError> {
        Ok(with_path_info(host, wanted.result.clone(), "dest"))
    }
}

/// The changes that put the content there.
pub(super) fn place(host: &Host, request: &Request<'_>, dest: String, content: Vec<u8>) -> Result<Wanted, ModuleError> {
    let attributes = request.attributes(host)?;
    let put = Put {
        dest,
        name: None,
        content: Cow::Owned(Content::Inline(content)),
        attributes: &attributes,
        directories: &attributes,
        present: None,
        force: true,
        backup: request.flag("backup"),
        follow: true,
        validate: None,
        checksum: None,
        // Asking again would download again.
        converges: false,
    };
    put::put(host, put)
}

/// What is there gets the wanted mode and owner; a link is followed.
fn attributes_change(host: &Host, request: &Request<'_>, dest: &str) -> Result<Option<Change>, ModuleError> {
    let path = host.resolve(dest).map_err(failed_to("resolve", dest))?;
    placement::attributes_change(host, &path, &request.attributes(host)?, None)
}

/// The content of an address, or of a file of the host; unpacked where the server has packed it.
pub(super) fn download(host: &Host, call: &Call<'_>) -> Result<Answer, ModuleError> {
    let Some(path) = call.url.strip_prefix("file:") else {
        let mut answer = call.look(host)?;
        if call.request.unless_denied("decompress") {
            answer.unpack()?;
        }
        return Ok(answer);
    };
    let path = path.strip_prefix("//localhost/").or(path.strip_prefix("//")).unwrap_or(path);
    let path = format!("/{}", unescaped(path.trim_start_matches('/')));
    let size = host.stat(&path).map_err(failed_to("look at", &path))?.map_or(0, |stat| stat.size);
    if size > LARGEST as u64 {
        return Err(ModuleError::new(format!("{path} is larger than {} MiB", LARGEST >> 20)));
    }
    let body = host.read(&path).map_err(failed_to("read", &path))?;
    let headers = vec![("content-length".to_owned(), body.len().to_string())];
    Ok(Answer { status: 200, url: call.url.to_owned(), body, headers, ..Answer::default() })
}

/// Algorithm and digest that the content must have.
fn checksum(host: &Host, request: &Request<'_>, url: &str) -> Result<Option<(Algorithm, String)>, ModuleError> {
    let Some(text) = request.text("checksum").filter(|text| !text.is_empty()) else { return Ok(None) };
    let (name, value) = text.split_once(':').ok_or_else(|| {
        ModuleError::new("The checksum parameter has to be in format <algorithm>:<checksum>").with("url", masked(url))
    })?;
    let algorithm = Algorithm::named(name)
        .ok_or_else(|| ModuleError::new(format!("Could not hash with algorithm '{name}': it is not known here")))?;
    let scheme = value.split_once(':').map_or("", |(scheme, _)| scheme);
    let value = if matches!(scheme, "http" | "https" | "ftp" | "file") {
        let answer = download(host, &Call::get(request, value))?;
        if answer.status != 200 {
            return Err(answer.failed(request.text("dest").unwrap_or_default()));
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        listed(&text, file_name(url)).ok_or_else(|| {
            let message = format!("Unable to find a checksum for file '{}' in '{}'", file_name(url), masked(value));
            ModuleError::new(message)
        })?
    } else {
        value.to_owned()
    };
    // Lists may hold invisible letters.
    let sum: String = value.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect::<String>().to_lowercase();
    if sum.is_empty() || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ModuleError::new("The checksum format is invalid").with("url", masked(url)));
    }
    Ok(Some((algorithm, sum)))
}

/// The digest of a file in a list as `sha256sum` writes it, with `--tag` or without; a lone digest is the file's.
fn listed(list: &str, file: &str) -> Option<String> {
    let mut rows = list.lines().filter(|row| !row.trim().is_empty());
    if let (Some(only), None) = (rows.next(), rows.next())
        && only.split_whitespace().count() == 1
    {
        return Some(only.trim().to_owned());
    }
    list.lines().find_map(|row| {
        if let Some((path, sum)) = row.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'))
            && let Some(sum) = sum.trim_start().strip_prefix('=')
        {
            return (path == file).then(|| sum.trim().to_owned());
        }
        let (sum, path) = row.split_once(char::is_whitespace)?;
        let path = path.trim_start().trim_start_matches('*').trim_start_matches(['.', '/']);
        (path.trim_end() == file).then(|| sum.to_owned())
    })
}

/// `%41` as `A`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `Thu, 26 Nov 2026 12:00:00 GMT`.
pub(super) fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second } = Civil::of_seconds(seconds);
    let word = |words: &[&'static str], index: i64| {
        usize::try_from(index).ok().and_then(|index| words.get(index)).copied().unwrap_or_default()
    };
    // 1970-01-01 was a Thursday.
    let weekday = (seconds.div_euclid(86_400) + 4).rem_euclid(7);
    let (weekday, month) = (word(&DAYS, weekday), word(&MONTHS, month - 1));
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::tests::{ask, labels, machine};
    use super::*;
    use crate::host::paths::base_name;
    use serde_json::json;

    #[test]
    fn digests_are_found_in_every_kind_of_list() {
        for (list, sum) in [
            ("abc\n", Some("abc")),
            ("11  other.img\n22  noble.img\n", Some("22")),
            ("11 *noble.img\n", Some("11")),
            ("33  ./noble.img\n", Some("33")),
            ("SHA256 (noble.img) = 44\nSHA256 (b) = 5\n", Some("44")),
            ("11  other.img\n", None),
            ("", None),
        ] {
            assert_eq!(listed(list, "noble.img").as_deref(), sum, "{list}");
        }
    }

    #[test]
    fn a_file_of_the_host_is_put_in_place_once() {
        let (_folder, host) = machine(&[("srv/a b", "text\n"), ("etc/x", ""), ("srv/sums", "x  other\n")]);
        let params = json!({"url": "file:///srv/a%20b", "dest": "/etc/new"});
        let wanted = ask(&GetUrl, &host, params.clone()).unwrap();
        assert_eq!(labels(&wanted), ["/etc/new"]);
        assert_eq!(wanted.result.get("checksum_src").unwrap(), &digest(b"text\n", Algorithm::Sha1));
        let meta = placement::new_file(&host, "/etc/new", placement::Birth::Moved);
        host.replace_file("/etc/new", b"text\n", &meta, true).unwrap();
        assert_eq!(labels(&ask(&GetUrl, &host, params).unwrap()), [""; 0]);
        let wrong = json!({"url": "file:///srv/a%20b", "dest": "/etc/x", "checksum": "md5:00"});
        let error = ask(&GetUrl, &host, wrong).unwrap_err();
        assert!(error.message.contains("did not match 00; it was"), "{}", error.message);
        let unlisted = json!({"url": "file:///srv/a%20b", "dest": "/etc/x", "checksum": "md5:file:///srv/sums"});
        assert!(ask(&GetUrl, &host, unlisted).unwrap_err().message.starts_with("Unable to find a checksum"));
    }

    #[test]
    fn without_a_program_it_says_so() {
        let (_folder, host) = machine(&[("etc/x", "")]);
        let asked = ask(&GetUrl, &host, json!({"url": "http://127.0.0.1/", "dest": "/etc/new"}));
        assert!(asked.unwrap_err().message.starts_with("neither curl nor wget was found"));
        let asked = ask(&GetUrl, &host, json!({"url": "gopher://127.0.0.1/", "dest": "/etc/new"}));
        assert_eq!(asked.unwrap_err().message, "unknown url type: gopher://127.0.0.1/");
    }

    #[test]
    fn dates_and_names() {
        assert_eq!(http_date(1_785_081_600), "Sun, 26 Jul 2026 16:00:00 GMT");
        assert_eq!(file_name("http://h/a/b.img?x=/y"), "b.img");
        assert_eq!(file_name("http://h"), "index.html");
        assert_eq!(masked("http://u:p@h/x@y"), "http://****:****@h/x@y");
        assert_eq!(base_name(&unescaped("a%2fb%zz")), "b%zz");
    }
}
