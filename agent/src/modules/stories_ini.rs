//! Options of INI files, with the answers Ansible gives to the same tasks.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::stories::{task, text};
use super::tests::machine;
use serde_json::json;

/// What `community.general.ini_file` 10 answers: text, parameters, `msg`, text afterwards.
#[test]
fn options_are_set_where_ansible_sets_them() {
    let cases = [
        (
            "[ s ] # c\n#a = x y\n; c\n\n  a =x y\na\n",
            json!({"section": "s", "option": "n", "value": "2", "state": "absent", "exclusive": true, "ignore_spaces": false}),
            "OK",
            "[ s ] # c\n#a = x y\n; c\n\n  a =x y\na\n",
        ),
        (
            "[s]\n[s]\n",
            json!({"section": "t", "state": "absent", "no_extra_spaces": true, "modify_inactive_option": true}),
            "OK",
            "[s]\n[s]\n",
        ),
        (
            "#a = \na\n#b\n# note",
            json!({"section": "t", "option": "n", "value": "", "state": "absent", "ignore_spaces": true}),
            "OK",
            "#a = \na\n#b\n# note\n",
        ),
        (
            "; c\n# note\n; aa=2\n[s]\n  a =\n; c\n  aa =x y\n; a=2\n",
            json!({"section": "t", "option": "b", "value": "z", "state": "absent", "exclusive": true, "ignore_spaces": true, "allow_no_value": true}),
            "OK",
            "; c\n# note\n; aa=2\n[s]\n  a =\n; c\n  aa =x y\n; a=2\n",
        ),
        (
            "\n[ s ] # c\n#b = \n\n\n\n; c\n",
            json!({"section": "new", "option": "n", "values": ["2", "1"], "state": "absent", "exclusive": true, "no_extra_spaces": true, "modify_inactive_option": true}),
            "OK",
            "\n[ s ] # c\n#b = \n\n\n\n; c\n",
        ),
        (
            "#a = x y\na = 2\n#aa\n; c\n\n#b = 1\n; c\n",
            json!({"section": "new", "option": "b", "values": ["1", "2", "1"], "state": "absent", "allow_no_value": true}),
            "OK",
            "#a = x y\na = 2\n#aa\n; c\n\n#b = 1\n; c\n",
        ),
        (
            "[s]\n[t]\n[ s ] # c\n#b",
            json!({"section": "s", "option": "n", "state": "absent"}),
            "OK",
            "[s]\n[t]\n[ s ] # c\n#b\n",
        ),
        (
            "\n#b = x y\n[ s ] # c\n#aa\n[ s ] # c\n#aa\n",
            json!({"section": "t", "values": ["1", "2", "1"], "state": "absent", "ignore_spaces": true, "allow_no_value": true}),
            "OK",
            "\n#b = x y\n[ s ] # c\n#aa\n[ s ] # c\n#aa\n",
        ),
        (
            "[ s ] # c\n",
            json!({"section": "t", "state": "absent", "no_extra_spaces": true, "ignore_spaces": false}),
            "OK",
            "[ s ] # c\n",
        ),
        (
            "[s]\n[ s ] # c\n",
            json!({"option": "b", "state": "absent", "ignore_spaces": true, "allow_no_value": true, "modify_inactive_option": true}),
            "OK",
            "[s]\n[ s ] # c\n",
        ),
        (
            "[t]\naa = x y\na = \n[t]\n; a=\n#a\na=\n",
            json!({"section": "s", "option": "a", "values": ["2"], "state": "absent", "exclusive": false, "section_has_values": [{"option": "a", "values": ["2", "1"]}]}),
            "OK",
            "[t]\naa = x y\na = \n[t]\n; a=\n#a\na=\n",
        ),
        (
            "[t]\na\n; a=x y\n",
            json!({"state": "absent", "allow_no_value": true, "section_has_values": [{"option": "a", "values": ["1", "2"]}]}),
            "OK",
            "[t]\na\n; a=x y\n",
        ),
        (
            "a=",
            json!({"section": "t", "option": "b", "value": "2", "state": "absent", "ignore_spaces": false, "allow_no_value": true}),
            "OK",
            "a=\n",
        ),
        (
            "#b = \n#aa\n\nb\n; c\n\n; c",
            json!({"section": "s", "option": "n", "value": "", "state": "absent", "exclusive": true, "modify_inactive_option": false}),
            "OK",
            "#b = \n#aa\n\nb\n; c\n\n; c\n",
        ),
        (
            "[t]\n\n; c\n\n",
            json!({"section": "s", "option": "b", "value": "2", "state": "absent", "exclusive": true, "no_extra_spaces": true}),
            "OK",
            "[t]\n\n; c\n\n",
        ),
        (
            "a = 2\n; c\na\n#a = \na=\n",
            json!({"section": "new", "option": "a", "value": "z", "state": "absent", "exclusive": false, "allow_no_value": false, "modify_inactive_option": true, "section_has_values": [{"option": "b", "values": ["1", "2"]}]}),
            "OK",
            "a = 2\n; c\na\n#a = \na=\n",
        ),
        (
            "[s]\n#b = 2\n\n[s]\n[s]\naa=2\n; aa=x y\n#b\n",
            json!({"section": "t", "option": "a", "values": ["z"], "state": "absent", "allow_no_value": true, "modify_inactive_option": true, "section_has_values": [{"option": "b", "values": ["1"]}]}),
            "OK",
            "[s]\n#b = 2\n\n[s]\n[s]\naa=2\n; aa=x y\n#b\n",
        ),
        (
            "[s]\na\n",
            json!({"section": "t", "values": ["1"], "exclusive": false, "ignore_spaces": true, "allow_no_value": false, "section_has_values": [{"option": "b", "values": ["1"]}]}),
            "only section added",
            "[s]\na\n[t]\nb = 1\n",
        ),
        (
            "\n; aa=2\n",
            json!({"section": "t", "value": "z", "exclusive": true, "no_extra_spaces": true, "allow_no_value": false}),
            "only section added",
            "\n; aa=2\n[t]\n",
        ),
        (
            "; c\naa\n#a = 2\n  b =x y\n#a\n[ s ] # c\n\nb=\n",
            json!({"section": "t", "values": ["1"], "ignore_spaces": false, "allow_no_value": false}),
            "only section added",
            "; c\naa\n#a = 2\n  b =x y\n#a\n[ s ] # c\n\nb=\n[t]\n",
        ),
        (
            "aa=2\n; c\n\n[ s ] # c\n",
            json!({"section": "s", "option": "b", "value": "", "exclusive": false, "ignore_spaces": true}),
            "option added",
            "aa=2\n; c\n\n[ s ] # c\nb = \n",
        ),
        (
            "  a =\n[ s ] # c\n[t]\n",
            json!({"section": "s", "option": "b", "value": "z", "exclusive": false, "allow_no_value": true}),
            "option added",
            "  a =\n[ s ] # c\nb = z\n[t]\n",
        ),
        (
            "[s]\n\n; c\nb = 2\n; aa=2\n",
            json!({"section": "s", "option": "n", "values": ["1", "z", "z"]}),
            "option added",
            "[s]\n\n; c\nb = 2\nn = 1\nn = z\n; aa=2\n",
        ),
        (
            "[t]\n[s]\nb\n[t]\nb = 2\n[s]\n  aa =2\n",
            json!({"section": "s", "option": "a", "allow_no_value": true, "modify_inactive_option": true}),
            "option added",
            "[t]\n[s]\nb\na\n[t]\nb = 2\n[s]\n  aa =2\n",
        ),
        (
            "# note\n[t]\n\n#b = 2\naa\n#aa = \n",
            json!({"option": "n", "value": "z", "ignore_spaces": false, "modify_inactive_option": false}),
            "option added",
            "n = z\n# note\n[t]\n\n#b = 2\naa\n#aa = \n",
        ),
        (
            "aa = 2\n# note\naa = x y\n# note\n",
            json!({"option": "b", "value": "2", "modify_inactive_option": false}),
            "option added",
            "aa = 2\n# note\naa = x y\nb = 2\n# note\n",
        ),
        ("b = \n#a = x y\n[t]", json!({"option": "a", "values": ["1"]}), "option changed", "b = \na = 1\n[t]\n"),
        (
            "# note\naa=1\nb=x y\n",
            json!({"option": "b", "values": ["2", "z"], "state": "absent"}),
            "option changed",
            "# note\naa=1\n",
        ),
        (
            "a\n  aa =2\n[t]\n\naa=\n; c\na=\nb=",
            json!({"section": "t", "option": "b", "value": "1", "ignore_spaces": true, "modify_inactive_option": true}),
            "option changed",
            "a\n  aa =2\n[t]\n\naa=\n; c\na=\nb = 1\n",
        ),
        (
            "#a\n[ s ] # c\n; c\n[ s ] # c\n  b =x y\n",
            json!({"section": "t", "option": "a", "value": "2", "ignore_spaces": true}),
            "section and option added",
            "#a\n[ s ] # c\n; c\n[ s ] # c\n  b =x y\n[t]\na = 2\n",
        ),
        (
            "b=2\n#b\naa=\n#b\n",
            json!({"section": "s", "option": "a", "values": ["2"], "no_extra_spaces": false, "allow_no_value": false}),
            "section and option added",
            "b=2\n#b\naa=\n#b\n[s]\na = 2\n",
        ),
        (
            "\na = 1\n#a = 2\na=x y\n#b\na",
            json!({"section": "new", "option": "b", "value": "1", "modify_inactive_option": false, "section_has_values": [{"option": "a", "values": ["1"]}]}),
            "section and option added",
            "\na = 1\n#a = 2\na=x y\n#b\na\n[new]\na = 1\nb = 1\n",
        ),
        (
            "",
            json!({"section": "t", "option": "b", "value": "z", "exclusive": false, "ignore_spaces": false}),
            "section and option added",
            "\n[t]\nb = z\n",
        ),
        (
            "\naa = x y\n[s]\n",
            json!({"section": "t", "option": "n", "value": "z", "exclusive": true, "allow_no_value": true}),
            "section and option added",
            "\naa = x y\n[s]\n[t]\nn = z\n",
        ),
        (
            "[t]\n; b=x y\n",
            json!({"section": "new", "option": "b", "values": ["1", "1"]}),
            "section and option added",
            "[t]\n; b=x y\n[new]\nb = 1\n",
        ),
        (
            "a = 2\n[t]\n",
            json!({"section": "new", "option": "b", "value": "z", "modify_inactive_option": true}),
            "section and option added",
            "a = 2\n[t]\n[new]\nb = z\n",
        ),
        (
            "[t]\n  a =\n\n; b=2\n#aa = 1\n",
            json!({"section": "new", "option": "n", "value": "", "exclusive": true, "ignore_spaces": true, "allow_no_value": true, "modify_inactive_option": true}),
            "section and option added",
            "[t]\n  a =\n\n; b=2\n#aa = 1\n[new]\nn = \n",
        ),
        (
            "aa\n# note\n# note\nb=2\n[t]\n; aa=1\n",
            json!({"section": "s", "option": "n", "values": ["2", "z"], "section_has_values": [{"option": "b", "values": ["1"]}]}),
            "section and option added",
            "aa\n# note\n# note\nb=2\n[t]\n; aa=1\n[s]\nb = 1\nn = 2\nn = z\n",
        ),
        (
            "\na = \nb = x y\naa\naa=2\n; aa=2\n[t]",
            json!({"section": "s", "option": "n", "value": "2", "no_extra_spaces": false, "ignore_spaces": false, "allow_no_value": true}),
            "section and option added",
            "\na = \nb = x y\naa\naa=2\n; aa=2\n[t]\n[s]\nn = 2\n",
        ),
        (
            "; c\n; c\n#aa\n",
            json!({"section": "t", "option": "n", "values": ["2"], "exclusive": true, "allow_no_value": false}),
            "section and option added",
            "; c\n; c\n#aa\n[t]\nn = 2\n",
        ),
    ];
    for (before, params, message, after) in cases {
        let (_folder, host) = machine(&[("f.ini", before)]);
        let mut params = params;
        params["path"] = "/f.ini".into();
        let (changed, result) = task(&host, "ini_file", params.clone(), None).unwrap();
        assert_eq!(
            (result["msg"].as_str(), text(&host, "/f.ini").as_str()),
            (Some(message), after),
            "{before:?} {params}"
        );
        assert_eq!(changed, before != after, "{before:?} {params}");
    }
    let (_folder, host) = machine(&[("etc/.keep", "")]);
    let new = json!({"path": "/etc/new/f.ini", "section": "s", "option": "o", "value": "1", "mode": "0600"});
    assert!(task(&host, "ini_file", new.clone(), None).unwrap().0 && !task(&host, "ini_file", new, None).unwrap().0);
    assert_eq!(text(&host, "/etc/new/f.ini"), "\n[s]\no = 1\n");
    let none = json!({"path": "/etc/none", "option": "o", "value": "1", "create": false});
    assert_eq!(task(&host, "ini_file", none, None).unwrap_err().result["rc"], 257);
    assert!(task(&host, "ini_file", json!({"path": "/etc/none", "option": "o"}), None).is_err());
}
