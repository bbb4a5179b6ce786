//! The rules of the engine, one by one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::{Engine, EngineOptions, Entry, Lazy, OMIT, Place, References, Scope, TemplateErrorKind, is_omit};
use crate::yaml::{Key, Origin, Value, ValueMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn engine() -> Engine {
    Engine::new(EngineOptions::default())
}

fn at(line: usize, column: usize) -> Option<Origin> {
    Some(Origin { file: Arc::from(Path::new("play.yml")), line, column })
}

fn scope(vars: &[(&str, Value)]) -> Scope {
    let mut scope = Scope::new();
    scope.push(Arc::new(vars.iter().map(|(name, value)| (Key::from(*name), value.clone())).collect()));
    scope
}

fn template(text: &str) -> Value {
    Value::written(text, None)
}

fn eval(text: &str, vars: &[(&str, Value)]) -> Result<Value, super::TemplateError> {
    engine().expression(text, &scope(vars), &Place::default())
}

fn shown(text: &str) -> String {
    eval(text, &[]).unwrap().to_json().to_string()
}

#[test]
fn data_is_never_rendered() {
    let vars = [("host_said", Value::str("{{ 1 + 1 }}")), ("own", template("{{ host_said }}"))];
    assert_eq!(eval("own", &vars).unwrap(), Value::str("{{ 1 + 1 }}"));
}

#[test]
fn a_circle_of_variables_is_named() {
    let vars = [("a", template("{{ b }}")), ("b", template("x{{ a }}"))];
    let error = eval("a", &vars).unwrap_err();
    assert!(error.message.contains("recursive loop detected"), "{error}");
}

#[test]
fn undefined_is_told_apart_and_placed() {
    let value = Value::written("echo {{ nosuch.name }}", at(7, 10));
    let error = engine().render(&value, &scope(&[]), &Place::default()).unwrap_err();
    assert_eq!(error.kind, TemplateErrorKind::Undefined);
    assert_eq!(error.to_string(), "'nosuch' is undefined (play.yml:7:18)");
}

#[test]
fn undefined_in_a_variable_names_the_variable_s_place() {
    let vars = [("outer", Value::written("{{ nosuch }}", at(3, 8)))];
    let error =
        engine().render(&Value::written("{{ outer }}", at(9, 9)), &scope(&vars), &Place::default()).unwrap_err();
    assert_eq!(error.origin, at(3, 11));
    assert_eq!(eval("outer | default('x')", &vars).unwrap(), Value::str("x"));
}

#[test]
fn syntax_errors_are_placed() {
    let error = engine().render(&Value::written("{{ a + }}", at(2, 5)), &scope(&[]), &Place::default()).unwrap_err();
    assert_eq!(error.kind, TemplateErrorKind::Syntax);
    assert_eq!(error.origin.unwrap().line, 2);
}

#[test]
fn omitted_entries_are_left_out() {
    let map: ValueMap = [("mode", template("{{ omit }}")), ("path", template("/{{ 'x' }}"))]
        .into_iter()
        .map(|(name, value)| (Key::from(name), value))
        .collect();
    let done = engine().render(&Value::map(map), &scope(&[]), &Place::default()).unwrap();
    assert_eq!(done.to_json(), serde_json::json!({"path": "/x"}));
    assert!(is_omit(&eval("nosuch | default(omit)", &[]).unwrap()));
    assert!(is_omit(&Value::str(OMIT)));
}

#[test]
fn conditions_must_be_truth_values() {
    let check = |value: Value| {
        engine().condition(&value, &scope(&[("n", Value::Int(1)), ("t", Value::Bool(true))]), &Place::default())
    };
    assert!(check(Value::str("n == 1 and t")).unwrap());
    assert!(check(Value::Null).unwrap());
    assert!(!check(Value::list(vec![Value::str("t"), Value::str("not t")])).unwrap());
    assert!(check(template("{{ t }}")).unwrap());
    assert!(check(Value::str("n")).is_err());
    assert!(check(Value::str("")).is_err());
}

#[test]
fn hostvars_are_computed_when_touched_and_see_their_own_variables() {
    struct Hosts(AtomicUsize);
    impl Lazy for Hosts {
        fn get(&self, name: &str) -> Option<Entry> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let vars = [("name", Value::str(name)), ("greeting", Value::written("hello {{ name }}", None))];
            Some(Entry::Scope(scope(&vars)))
        }
        fn names(&self) -> Vec<Arc<str>> {
            vec!["a".into(), "b".into()]
        }
    }
    let hosts = Arc::new(Hosts(AtomicUsize::new(0)));
    let lazy: Arc<dyn Lazy> = hosts.clone();
    let scope = scope(&[("name", Value::str("outer"))]).with_entry("hostvars", Entry::Lazy(lazy));
    let eval = |text: &str| engine().expression(text, &scope, &Place::default()).unwrap();
    assert_eq!(eval("hostvars | length"), Value::Int(2));
    assert_eq!(hosts.0.load(Ordering::Relaxed), 0);
    assert_eq!(eval("hostvars['b'].greeting"), Value::str("hello b"));
    assert_eq!(hosts.0.load(Ordering::Relaxed), 1);
}

#[test]
fn hostile_templates_end_in_errors() {
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    for text in [
        "range(10000000000) | list",
        "'x' * 1000000000000",
        "[0] * 100000000000",
        "9999999999999999999999 ** 999999",
        "'%999999999d' % 1",
        "'{:>99999999999}'.format(1)",
        "range(0, 100000) | product(range(0, 100000)) | list",
        deep.as_str(),
    ] {
        assert!(eval(text, &[]).is_err(), "{}", &text[..text.len().min(40)]);
    }
    let endless = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    assert!(engine().render(&template(endless), &scope(&[]), &Place::default()).is_err());
    let itself = "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}{{ l == l }}";
    assert!(engine().render(&template(itself), &scope(&[]), &Place::default()).is_err());
}

#[test]
fn references_follow_variables() {
    let vars = [("url", template("http://{{ host }}:{{ port | default(80) }}")), ("host", Value::str("h"))];
    let names = |found: References| match found {
        References::Names(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        References::Unknown => vec!["?".to_owned()],
    };
    let engine = engine();
    assert_eq!(names(engine.references_in(&template("{{ url }}"), &scope(&vars))), ["host", "port", "url"]);
    assert_eq!(names(engine.references(&template("{% for x in list %}{{ x }}{{ loop.index }}{% endfor %}"))), ["list"]);
    assert_eq!(names(engine.references(&template("{{ vars[name] }}"))), ["?"]);
    assert_eq!(names(engine.references(&template("{{ lookup('vars', 'a') }}"))), ["a"]);
    assert_eq!(names(engine.condition_references(&Value::str("a.rc == 0"))), ["a"]);
}

#[test]
fn checks_name_the_nearest_filter() {
    let found = engine().check(&Value::written("{{ x | defualt(1) }}", at(4, 3)));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].help.as_deref(), Some("did you mean 'default'?"));
    assert_eq!(found[0].origin, at(4, 10));
    assert!(engine().check(&template("{{ x | default(lookup('env', 'HOME')) is defined }}")).is_empty());
    assert_eq!(engine().check_expression("x is defned", at(1, 1).as_ref()).len(), 1);
}

#[test]
fn with_lookups_take_values() {
    let done =
        engine().lookup("items", &[Value::list(vec![Value::Int(1)]), Value::Int(2)], &scope(&[]), &Place::default());
    assert_eq!(done.unwrap().to_json(), serde_json::json!([1, 2]));
}

#[test]
fn seeds_choose_as_python_does() {
    // random.Random('kvm1').randrange(60), random.Random(42).randrange(1000)
    assert_eq!(shown("60 | random(seed='kvm1')"), "42");
    assert_eq!(shown("1000 | random(seed=42)"), "654");
    assert_eq!(shown("[1, 2, 3, 4, 5] | shuffle(seed=7)"), "[5,1,4,2,3]");
}

#[test]
fn python_writes_numbers_and_text() {
    assert_eq!(shown("[1e16, 0.00001, 1.0, 'it\\'s', none] | string"), r#""[1e+16, 1e-05, 1.0, \"it\\\\'s\", None]""#);
    assert_eq!(shown("'%05.1f|%-4s|%x' % (2.25, 'a', 255)"), r#""002.2|a   |ff""#);
    assert_eq!(shown("{'b': [1, {'c': none}], 'a': 'yes'} | to_nice_yaml"), r#""a: 'yes'\nb:\n- 1\n-   c: null\n""#);
}

#[test]
fn encrypted_values_are_decrypted_when_they_are_read_and_never_rendered() {
    let sealed = crate::vault::encrypt(b"{{ secret }}", b"pw", None).unwrap();
    let mut vars = crate::yaml::ValueMap::new();
    vars.insert("sealed".into(), Value::Vault(sealed.as_str().into()));
    let mut scope = Scope::new();
    scope.push(std::sync::Arc::new(vars));
    let secrets = [crate::vault::Secret::new("default", b"pw".to_vec()).unwrap()].into_iter().collect();
    let knowing = Engine::new(EngineOptions { secrets, ..EngineOptions::default() });
    let text = Value::written("<{{ sealed }}>", None);
    assert_eq!(knowing.render(&text, &scope, &Place::default()).unwrap(), Value::from("<{{ secret }}>"));
    assert_eq!(
        knowing.render(&Value::Vault(sealed.as_str().into()), &scope, &Place::default()).unwrap(),
        Value::from("{{ secret }}")
    );
    assert!(engine().render(&text, &scope, &Place::default()).is_err());
}

#[test]
fn queries_and_addresses() {
    assert_eq!(shown("{'a': [{'b': 1}, {'b': 2}]} | json_query('a[*].b')"), "[1,2]");
    assert_eq!(shown("{'a': 1} | community.general.json_query('nothing')"), "null");
    assert!(eval("{} | json_query('a[')", &[]).unwrap_err().message.contains("a["));
    assert_eq!(shown("['192.0.2.7/24', 'kvm7'] | ansible.utils.ipaddr('address')"), "[\"192.0.2.7\"]");
    assert_eq!(shown("'kvm7' | ipaddr"), "false");
    assert_eq!(shown("'192.0.2.0/24' | ansible.utils.nthhost(5)"), "\"192.0.2.5\"");
    assert_eq!(shown("'192.0.2.255' | ipmath(1)"), "\"192.0.3.0\"");
    assert_eq!(shown("['2001:db8::1', '192.0.2.1'] | ipwrap"), "[\"[2001:db8::1]\",\"192.0.2.1\"]");
}
