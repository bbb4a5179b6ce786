//! What a web server answered, read from what curl or wget printed.

use super::ModuleError;
use super::pattern::latin1;
use super::web::{LARGEST, Tool, is_http, masked};
use crate::host::gunzip;
use luthier_protocol::Map;
use std::io::Read as _;

/// Tells curl to print behind the answer: the length of all headers and the address it ended at.
pub(super) const TRAILER: &str = "write-out=\"\\n%{size_header} %{url_effective}\"\n";

/// An answer, or what there is of it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// HTTP status; -1 where none came.
    pub status: i64,
    /// Why it is no answer, or not a whole one.
    pub failure: Option<String>,
    /// Words behind the status.
    pub reason: String,
    /// The address that answered, name and password covered.
    pub url: String,
    /// Headers of the last answer, names in lower case; repeated ones joined.
    pub headers: Vec<(String, String)>,
    /// Cookies that were set on the way.
    pub cookies: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
    /// Seconds it took.
    pub elapsed: i64,
}

/// Read it.
pub(super) fn read(tool: Tool, url: &str, rc: i32, stdout: Vec<u8>, stderr: &[u8], elapsed: i64) -> Answer {
    let mut answer = Answer { status: -1, url: masked(url), elapsed, body: stdout, ..Answer::default() };
    let said = String::from_utf8_lossy(stderr);
    let length = match tool {
        Tool::Curl => answer.trailer().filter(|_| is_http(url)).unwrap_or(0),
        // The headers of the last answer, and the blank line.
        Tool::Wget => {
            let mut lines = said.lines().filter_map(|line| line.split_once(" URL:"));
            if let Some(at) = lines.next_back().and_then(|(_, rest)| rest.split_whitespace().next()) {
                answer.url = masked(at);
            }
            let end = answer.body.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            end.filter(|_| answer.body.starts_with(b"HTTP/")).map_or(0, |end| end + 4)
        }
    };
    let rest = answer.body.split_off(length.min(answer.body.len()));
    let head = latin1(&std::mem::replace(&mut answer.body, rest));
    for block in head.replace("\r\n", "\n").split("\n\n").filter(|block| !block.trim().is_empty()) {
        answer.block(block);
    }
    // wget counts an answer other than the content as a failure of its own.
    if rc != 0 && !(tool == Tool::Wget && rc == 8 && answer.status >= 300) {
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        answer.failure = Some(if said.is_empty() { format!("return code {rc}") } else { said });
        answer.status = -1;
    } else if !is_http(url) {
        // FTP knows no status.
        answer.status = 200;
    }
    answer
}

impl Answer {
    /// What curl added behind the content is taken off: the length of the headers.
    fn trailer(&mut self) -> Option<usize> {
        let start = self.body.iter().rposition(|byte| *byte == b'\n')?;
        let trailer = String::from_utf8_lossy(self.body.get(start + 1..)?).into_owned();
        let (length, url) = trailer.split_once(' ')?;
        let length = length.parse().ok()?;
        self.body.truncate(start);
        // curl writes the name it was given into the address.
        let mut url = masked(url);
        if !self.url.contains('@') {
            url = url.replacen("****:****@", "", 1);
        }
        self.url = url;
        Some(length)
    }

    /// One answer's headers; what an earlier one said is forgotten, but for its cookies.
    fn block(&mut self, block: &str) {
        let mut lines = block.lines();
        self.headers.clear();
        let first = lines.next().unwrap_or_default();
        let mut words = first.splitn(3, ' ').skip(1);
        self.status = words.next().and_then(|status| status.parse().ok()).unwrap_or(-1);
        words.next().unwrap_or_default().trim().clone_into(&mut self.reason);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "set-cookie"
                && let Some((key, value)) = value.split(';').next().and_then(|pair| pair.split_once('='))
            {
                self.cookies.retain(|(other, _)| other != key.trim());
                self.cookies.push((key.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
            }
            match self.headers.iter_mut().find(|(other, _)| *other == name) {
                Some((_, before)) => {
                    before.push_str(", ");
                    before.push_str(value);
                }
                None => self.headers.push((name, value.to_owned())),
            }
        }
    }

    /// A header of the last answer.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Its message, as Python words it.
    pub(super) fn message(&self) -> String {
        match &self.failure {
            Some(failure) => format!("Request failed: {failure}"),
            None if (200..300).contains(&self.status) => {
                format!("OK ({} bytes)", self.header("content-length").unwrap_or("unknown"))
            }
            None => format!("HTTP Error {}: {}", self.status, self.reason),
        }
    }

    /// Unpack the content, where the server has packed it.
    pub(super) fn unpack(&mut self) -> Result<(), ModuleError> {
        if self.header("content-encoding") != Some("gzip") || self.body.is_empty() {
            return Ok(());
        }
        let wrong = |error| ModuleError::new(format!("cannot unpack the content of {}: {error}", self.url));
        let mut plain = Vec::new();
        gunzip(&self.body).and_then(|reader| reader.take(LARGEST as u64 + 1).read_to_end(&mut plain)).map_err(wrong)?;
        if plain.len() > LARGEST {
            return Err(ModuleError::new(format!("{} unpacks to more than {} MiB", self.url, LARGEST >> 20)));
        }
        self.body = plain;
        Ok(())
    }

    /// The file's name that the server suggests, without any folder.
    pub(super) fn suggested_name(&self) -> Option<String> {
        let parts = self.header("content-disposition")?.split(';').skip(1);
        let mut names = parts.filter_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case("filename").then(|| value.trim().trim_matches('"'))
        });
        let name = names.next()?.rsplit('/').next()?;
        (!matches!(name, "" | "." | "..") && !name.contains(char::is_control)).then(|| name.to_owned())
    }

    /// The values that tell a failed download.
    pub(super) fn failed(&self, dest: &str) -> ModuleError {
        let error = match self.failure {
            Some(_) => ModuleError::new(self.message()),
            None => {
                ModuleError::new("Request failed").with("status_code", self.status).with("response", self.message())
            }
        };
        error.with("url", self.url.as_str()).with("dest", dest).with("elapsed", self.elapsed)
    }

    /// Cookies by name, and as a header sends them back.
    pub(super) fn cookies(&self) -> (Map, String) {
        let map = self.cookies.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (map, pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_counts_and_cookies_of_all() {
        let head = "HTTP/1.1 302 Found\r\nSet-Cookie: a=1; Path=/\r\nLocation: /x\r\n\r\n\
                    HTTP/1.1 200 OK\r\nSet-Cookie: b=\"2\"\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\n";
        let stdout = format!("{head}a\n\nb\n\n{} http://u:p@h/x", head.len());
        let answer = read(Tool::Curl, "http://h/r", 0, stdout.into_bytes(), b"", 0);
        assert_eq!((answer.status, answer.url.as_str()), (200, "http://h/x"));
        assert_eq!(answer.body, b"a\n\nb\n");
        assert_eq!(answer.header("x-a"), Some("1, 2"));
        assert_eq!(answer.cookies().1, "a=1; b=2");
        assert_eq!(answer.message(), "OK (5 bytes)");
    }

    #[test]
    fn a_suggested_name_leads_nowhere_else() {
        for (given, name) in [
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename=a.tar", Some("a.tar")),
            ("attachment; filename=\"..\"", None),
            ("inline", None),
        ] {
            let headers = vec![("content-disposition".to_owned(), given.to_owned())];
            assert_eq!(Answer { headers, ..Answer::default() }.suggested_name().as_deref(), name);
        }
    }

    #[test]
    fn an_answer_that_was_cut_short_is_a_failure() {
        let stdout = b"HTTP/1.1 200 OK\r\n\r\nhalf\n19 http://h/".to_vec();
        let answer = read(Tool::Curl, "http://h/", 18, stdout, b"curl: (18) transfer closed\n", 0);
        assert_eq!((answer.status, answer.message().as_str()), (-1, "Request failed: curl: (18) transfer closed"));
        let wget = read(Tool::Wget, "http://h/", 8, b"HTTP/1.1 404 Not Found\r\n\r\ngone".to_vec(), b"", 0);
        assert_eq!((wget.status, wget.message().as_str()), (404, "HTTP Error 404: Not Found"));
    }
}
