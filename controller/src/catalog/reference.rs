//! `docs/modules.md`: every module as people read it.

use super::Catalog;
use luthier_protocol::spec::{ModuleSpec, ParamKind, ParamSpec};
use std::fmt::Write;

/// The whole page.
pub fn reference() -> String {
    let mut out = String::from(
        "# Modules\n\nGenerated from the modules themselves. `luthier modules NAME` shows the same on a terminal.\n\
         Parameters of types other than these are refused before any host is contacted; so are names that are not here.\n",
    );
    for entry in Catalog::builtin().entries() {
        module(&mut out, &entry.spec, entry.open);
    }
    out
}

fn module(out: &mut String, spec: &ModuleSpec, open: bool) {
    let _ = write!(out, "\n## {}\n\n{}\n", spec.name, spec.summary);
    let aliases: Vec<String> = spec.aliases.iter().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        let _ = write!(out, "\nAlso: {}.", aliases.join(", "));
    }
    let undo = if spec.revertible {
        "Changes can be rolled back."
    } else {
        "Cannot be rolled back, unless `revert:` says how."
    };
    let _ = write!(out, "\n{undo}{}\n", if open { " Takes parameters of any name." } else { "" });
    if !spec.params.is_empty() {
        out.push_str("\n| parameter | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for param in spec.params.iter() {
            row(out, param);
        }
    }
    if !spec.returns.is_empty() {
        out.push_str("\nReturns, besides `changed`, `failed` and `msg`:\n\n");
        for value in spec.returns.iter() {
            let _ = writeln!(out, "- `{}`: {}", value.name, value.doc);
        }
    }
    let _ = write!(out, "\n```yaml\n{}\n```\n", spec.example.trim_end());
}

fn row(out: &mut String, param: &ParamSpec) {
    let names: Vec<String> =
        std::iter::once(&param.name).chain(param.aliases.iter()).map(|name| format!("`{name}`")).collect();
    let default = match &param.default {
        _ if param.required => "required".to_owned(),
        Some(default) => format!("`{}`", default.replace('\n', "\\n").replace('|', "\\|")),
        None => String::new(),
    };
    let choices: Vec<String> = param.choices.iter().map(|choice| format!("`{}`", choice.escape_default())).collect();
    let choices = if choices.is_empty() { String::new() } else { format!(" One of {}.", choices.join(", ")) };
    let doc = format!("{}{choices}", param.doc).replace('\n', " ").replace('|', "\\|");
    let _ = writeln!(out, "| {} | {} | {default} | {doc} |", names.join(", "), kind(param.kind));
}

fn kind(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Str => "text",
        ParamKind::Path => "path",
        ParamKind::Int => "whole number",
        ParamKind::Float => "number",
        ParamKind::Bool => "yes or no",
        ParamKind::List => "list",
        ParamKind::Dict => "mapping",
        ParamKind::Raw => "any",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    #[test]
    fn the_committed_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/modules.md");
        let now = super::reference();
        if std::env::var_os("LUTHIER_BLESS").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == now, "docs/modules.md is out of date: run LUTHIER_BLESS=1 cargo test -p luthier catalog");
    }
}
