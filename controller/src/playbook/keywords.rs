//! Keywords that plays, blocks, roles and tasks share and hand down.

use super::types::Written;
use crate::yaml::{Diagnostic, Node, NodeData, Value, ValueMap, nearest};
use std::sync::Arc;

/// Keywords as written at one place, or (after [`Keywords::inherit`]) as they hold for a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keywords {
    /// All must hold; outermost first.
    pub when: Vec<Written>,
    /// Tags, outermost first.
    pub tags: Vec<Written>,
    /// Variables, outermost first.
    pub vars: Vec<Arc<ValueMap>>,
    /// Variables given to includes around it and those of their loops, outermost first: they win over facts that are set.
    pub include_vars: Vec<Arc<ValueMap>>,
    /// Environment mappings, outermost first.
    pub environment: Vec<Written>,
    /// Defaults for modules' parameters, outermost first.
    pub module_defaults: Vec<Written>,
    /// `become:`.
    pub r#become: Option<Written>,
    /// `become_user:`.
    pub become_user: Option<Written>,
    /// `become_method:`.
    pub become_method: Option<Written>,
    /// `become_flags:`.
    pub become_flags: Option<Written>,
    /// `become_exe:`.
    pub become_exe: Option<Written>,
    /// `check_mode:`.
    pub check_mode: Option<Written>,
    /// `diff:`.
    pub diff: Option<Written>,
    /// `ignore_errors:`.
    pub ignore_errors: Option<Written>,
    /// `ignore_unreachable:`.
    pub ignore_unreachable: Option<Written>,
    /// `no_log:`.
    pub no_log: Option<Written>,
    /// `delegate_to:`.
    pub delegate_to: Option<Written>,
    /// `delegate_facts:`.
    pub delegate_facts: Option<Written>,
    /// `run_once:`.
    pub run_once: Option<Written>,
    /// `connection:`.
    pub connection: Option<Written>,
    /// `port:`.
    pub port: Option<Written>,
    /// `remote_user:`.
    pub remote_user: Option<Written>,
    /// `any_errors_fatal:`.
    pub any_errors_fatal: Option<Written>,
    /// `throttle:`.
    pub throttle: Option<Written>,
    /// `timeout:` in seconds.
    pub timeout: Option<Written>,
    /// `debugger:`.
    pub debugger: Option<Written>,
}

/// Names [`Keywords::take`] understands.
pub(super) const SHARED: &[&str] = &[
    "when",
    "tags",
    "vars",
    "environment",
    "module_defaults",
    "become",
    "become_user",
    "become_method",
    "become_flags",
    "become_exe",
    "check_mode",
    "diff",
    "ignore_errors",
    "ignore_unreachable",
    "no_log",
    "delegate_to",
    "delegate_facts",
    "run_once",
    "connection",
    "port",
    "remote_user",
    "any_errors_fatal",
    "throttle",
    "timeout",
    "collections",
    "debugger",
];

impl Keywords {
    /// Take one key of a mapping. `Ok(false)` when it is no shared keyword.
    pub(super) fn take(&mut self, key: &str, node: &Node) -> Result<bool, Diagnostic> {
        let slot = match key {
            "when" => {
                self.when = list(node);
                return Ok(true);
            }
            "tags" => {
                self.tags = tags(node);
                return Ok(true);
            }
            "vars" => {
                self.vars = variables(node)?;
                return Ok(true);
            }
            "environment" => {
                self.environment = list(node);
                return Ok(true);
            }
            "module_defaults" => {
                self.module_defaults = list(node);
                return Ok(true);
            }
            // A search path for names Luthier resolves itself.
            "collections" => return Ok(true),
            "become" => &mut self.r#become,
            "become_user" => &mut self.become_user,
            "become_method" => &mut self.become_method,
            "become_flags" => &mut self.become_flags,
            "become_exe" => &mut self.become_exe,
            "check_mode" => &mut self.check_mode,
            "diff" => &mut self.diff,
            "ignore_errors" => &mut self.ignore_errors,
            "ignore_unreachable" => &mut self.ignore_unreachable,
            "no_log" => &mut self.no_log,
            "delegate_to" => &mut self.delegate_to,
            "delegate_facts" => &mut self.delegate_facts,
            "run_once" => &mut self.run_once,
            "connection" => &mut self.connection,
            "port" => &mut self.port,
            "remote_user" => &mut self.remote_user,
            "any_errors_fatal" => &mut self.any_errors_fatal,
            "throttle" => &mut self.throttle,
            "timeout" => &mut self.timeout,
            "debugger" => &mut self.debugger,
            _ => return Ok(false),
        };
        *slot = Some(written(node));
        Ok(true)
    }

    /// What holds here when `outer` holds around it: lists are joined, single values of the inner win.
    #[must_use]
    pub fn inherit(&self, outer: &Self) -> Self {
        let join = |outer: &[Written], inner: &[Written]| [outer, inner].concat();
        let pick = |inner: &Option<Written>, outer: &Option<Written>| inner.clone().or_else(|| outer.clone());
        Self {
            when: join(&outer.when, &self.when),
            tags: join(&outer.tags, &self.tags),
            vars: [outer.vars.as_slice(), self.vars.as_slice()].concat(),
            include_vars: [outer.include_vars.as_slice(), self.include_vars.as_slice()].concat(),
            environment: join(&outer.environment, &self.environment),
            module_defaults: join(&outer.module_defaults, &self.module_defaults),
            r#become: pick(&self.r#become, &outer.r#become),
            become_user: pick(&self.become_user, &outer.become_user),
            become_method: pick(&self.become_method, &outer.become_method),
            become_flags: pick(&self.become_flags, &outer.become_flags),
            become_exe: pick(&self.become_exe, &outer.become_exe),
            check_mode: pick(&self.check_mode, &outer.check_mode),
            diff: pick(&self.diff, &outer.diff),
            ignore_errors: pick(&self.ignore_errors, &outer.ignore_errors),
            ignore_unreachable: pick(&self.ignore_unreachable, &outer.ignore_unreachable),
            no_log: pick(&self.no_log, &outer.no_log),
            delegate_to: pick(&self.delegate_to, &outer.delegate_to),
            delegate_facts: pick(&self.delegate_facts, &outer.delegate_facts),
            run_once: pick(&self.run_once, &outer.run_once),
            connection: pick(&self.connection, &outer.connection),
            port: pick(&self.port, &outer.port),
            remote_user: pick(&self.remote_user, &outer.remote_user),
            any_errors_fatal: pick(&self.any_errors_fatal, &outer.any_errors_fatal),
            throttle: pick(&self.throttle, &outer.throttle),
            timeout: pick(&self.timeout, &outer.timeout),
            debugger: pick(&self.debugger, &outer.debugger),
        }
    }
}

impl Keywords {
    /// Keywords given as a value (`apply:` of an include).
    pub fn from_map(map: &ValueMap, origin: &crate::yaml::Origin) -> Result<Self, Diagnostic> {
        let mut keywords = Self::default();
        for (key, value) in map {
            let name = key.to_string();
            let node = as_node(value, origin);
            if !keywords.take(&name, &node)? {
                return Err(unknown_key("apply", &name, &node, &[SHARED]));
            }
        }
        Ok(keywords)
    }
}

/// A value as a node at one place.
fn as_node(value: &Value, origin: &crate::yaml::Origin) -> Node {
    let data = match value {
        Value::List(items) => NodeData::List(items.iter().map(|item| as_node(item, origin)).collect()),
        Value::Map(map) => NodeData::Map(
            map.iter()
                .map(|(key, value)| (as_node(&Value::from(key.to_string()), origin), as_node(value, origin)))
                .collect(),
        ),
        scalar => NodeData::Scalar {
            text: scalar.as_str().unwrap_or_default().to_owned(),
            value: scalar.clone(),
            plain: false,
            tag: None,
        },
    };
    Node { data, origin: origin.clone(), length: 0 }
}

/// A value as a truth value, as Ansible converts keywords; `None` when it is neither yes nor no.
pub fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Null => Some(false),
        Value::Int(number) => Some(*number != 0),
        Value::Str(text) => match text.trim().to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "y" | "t" | "1" => Some(true),
            "no" | "false" | "off" | "n" | "f" | "0" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A node's value and place.
pub(super) fn written(node: &Node) -> Written {
    Written { value: node.to_value(), origin: node.origin.clone() }
}

/// A list, or one value as a list of one; nothing for an empty value.
pub(super) fn list(node: &Node) -> Vec<Written> {
    match &node.data {
        NodeData::List(items) => items.iter().map(written).collect(),
        _ => match node.to_value() {
            Value::Null => Vec::new(),
            value => vec![Written { value, origin: node.origin.clone() }],
        },
    }
}

/// Tags: a list, or text split at commas.
fn tags(node: &Node) -> Vec<Written> {
    list(node)
        .into_iter()
        .flat_map(|item| match &item.value {
            Value::Str(text) if text.contains(',') => text
                .split(',')
                .map(|tag| Written { value: Value::from(tag.trim()), origin: item.origin.clone() })
                .collect(),
            _ => vec![item],
        })
        .collect()
}

/// `vars:` as a mapping, or a list of mappings.
pub(super) fn variables(node: &Node) -> Result<Vec<Arc<ValueMap>>, Diagnostic> {
    match node.to_value() {
        Value::Null => Ok(Vec::new()),
        Value::Map(map) => Ok(vec![map]),
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Map(map) => Ok(map.clone()),
                _ => Err(Diagnostic::error(Some(node.origin.clone()), "vars must be a mapping")),
            })
            .collect(),
        other => Err(Diagnostic::error(
            Some(node.origin.clone()),
            format!("vars must be a mapping, found {}", other.type_name()),
        )),
    }
}

/// The error for a key nobody knows.
pub(super) fn unknown_key(what: &str, key: &str, node: &Node, known: &[&[&str]]) -> Diagnostic {
    let near = nearest(key, known.iter().flat_map(|row| row.iter().copied()));
    let error =
        Diagnostic::error(Some(node.origin.clone()), format!("`{key}` is no keyword of a {what}")).length(node.length);
    match near {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}
