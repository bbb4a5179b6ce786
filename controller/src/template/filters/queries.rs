//! `json_query`: values picked out by a JMESPath expression.

use super::table::{Filter, of, text};
use crate::template::error::{Fault, Outcome};
use crate::template::interpreter::Interpreter;
use crate::template::val::{Args, Val};
use crate::yaml::Value;

pub(super) const FILTERS: &[(&str, Filter)] =
    &[("json_query", of(json_query)), ("community.general.json_query", of(json_query))];

fn json_query(interpreter: &Interpreter<'_>, value: Val, args: Args) -> Outcome<Val> {
    let [query] = args.bind(["expr"])?;
    let query = text(interpreter, query)?.ok_or_else(|| Fault::new("json_query needs an expression".to_owned()))?;
    let wrong = |error: jmespath::JmespathError| Fault::new(format!("the query '{query}' failed: {error}"));
    let expression = jmespath::compile(&query).map_err(wrong)?;
    let found = expression.search(interpreter.finish(&value)?.to_json()).map_err(wrong)?;
    let found = serde_json::to_value(&*found)
        .map_err(|error| Fault::new(format!("the answer to the query '{query}' cannot be read: {error}")))?;
    Ok(Val::data(&Value::from_json(&found), &interpreter.home))
}
