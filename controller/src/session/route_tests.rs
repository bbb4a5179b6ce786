//! Ways to hosts, as variables, arguments and files describe them.
#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::session::{Agents, Defaults};
use serde_json::json;

fn settings(config: &str) -> (tempfile::TempDir, Settings) {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/config"), config).unwrap();
    let mut settings = Settings::new(Agents::default());
    settings.home = home.path().to_path_buf();
    settings.system = home.path().join("etc");
    settings.auth_socket = Some("/sock".into());
    (home, settings)
}

fn route(settings: &Settings, vars: serde_json::Value) -> Result<Route, SessionError> {
    let target = Target::from_vars(&"web1".into(), &|name| vars.get(name).cloned(), &Defaults::default()).unwrap();
    Route::find(settings, &target)
}

#[test]
fn variables_rank_before_arguments_before_files() {
    let (_home, settings) = settings("Host web1\n Port 1\n User file\n HostName %h.lan\n IdentityFile %d/%r@%n\n");
    let found = route(&settings, json!({"ansible_port": 3, "ansible_ssh_common_args": "-p 2 -l arg"})).unwrap();
    assert_eq!((found.port, found.user.as_str(), found.address.as_str()), (3, "arg", "web1.lan"));
    assert_eq!(found.more_keys, [settings.home.join("arg@web1")]);
    assert_eq!((found.key_name.as_str(), found.plain_name.as_deref()), ("[web1.lan]:3", Some("web1.lan")));
    assert_eq!(found.policy, HostKeyPolicy::Strict);
}

#[test]
fn a_key_file_of_the_inventory_stands_for_the_usual_ones() {
    let (_home, settings) = settings("");
    assert_eq!(route(&settings, json!({})).unwrap().more_keys.len(), DEFAULT_KEYS.len());
    let found = route(&settings, json!({"ansible_ssh_private_key_file": "/k"})).unwrap();
    assert_eq!((found.own_keys, found.more_keys.len()), (vec![PathBuf::from("/k")], 0));
}

#[test]
fn agents_aliases_and_policies() {
    let (_home, settings) =
        settings("Host web1\n IdentityAgent none\n HostKeyAlias Shared\n StrictHostKeyChecking accept-new\n");
    let found = route(&settings, json!({"ansible_port": 24})).unwrap();
    assert_eq!((found.auth_socket, found.key_name.as_str(), found.plain_name), (None, "shared", None));
    assert_eq!(found.policy, HostKeyPolicy::AcceptNew);
    let found = route(&settings, json!({"ansible_host_key_checking": false})).unwrap();
    assert_eq!(found.policy, HostKeyPolicy::Any);
}

#[test]
fn new_keys_go_to_a_file_of_the_operator_or_to_none() {
    let (_home, settings) = settings("UserKnownHostsFile none\nGlobalKnownHostsFile ~/shared\n");
    let known = route(&settings, json!({})).unwrap().known;
    assert_eq!((known.paths(), known.first().is_none()), (settings.home.join("shared").display().to_string(), true));
    let (_home, settings) = super::tests::settings("");
    assert!(route(&settings, json!({})).unwrap().known.first().is_some());
}

#[test]
fn arguments_of_ssh_itself_rank_before_variables() {
    let (_home, settings) = settings("");
    let vars = json!({"ansible_port": 3, "ansible_ssh_args": "-o Port=4 -o ConnectTimeout=7", "ansible_timeout": 9});
    let found = route(&settings, vars).unwrap();
    assert_eq!((found.port, found.connect_timeout), (4, Duration::from_secs(7)));
}

fn way(mut route: &Route) -> Vec<String> {
    let mut out = Vec::new();
    while let Via::Jump(hop) = &route.via {
        out.push(format!("{}@{}:{}", hop.user, hop.address, hop.port));
        route = hop;
    }
    out
}

#[test]
fn a_list_of_jump_hosts_is_passed_in_order_and_each_is_looked_up() {
    let (_home, settings) = settings(
        "Host b\n HostName b.lan\n User jumper\n IdentityFile /keys/b\n ProxyJump nobody\nHost a\n Port 23\n User first\n ProxyJump before\nHost *\n User ops\n",
    );
    let found = route(
        &settings,
        json!({"ansible_user": "me", "ansible_ssh_common_args": "-J a,b:2222", "ansible_ssh_private_key_file": "/k"}),
    )
    .unwrap();
    // The list stands for what the configuration says of b; what it says of a, the first, holds.
    assert_eq!(way(&found), ["jumper@b.lan:2222", "first@a:23", "ops@before:22"]);
    let Via::Jump(hop) = &found.via else { unreachable!() };
    // The key of the host is not for the bastion.
    assert_eq!((hop.own_keys.len(), hop.more_keys.as_slice()), (0, [PathBuf::from("/keys/b")].as_slice()));
    assert_eq!(hop.key_name, "[b.lan]:2222");
    assert!(hop.is_hop && !found.is_hop);
}

#[test]
fn none_is_a_plain_connection() {
    let (_home, settings) = settings("Host web1\n ProxyJump bastion\n");
    assert_eq!(way(&route(&settings, json!({})).unwrap()).len(), 1);
    for none in ["-o ProxyJump=none", "-J none", "-o ProxyCommand=none"] {
        assert!(way(&route(&settings, json!({"ansible_ssh_common_args": none})).unwrap()).is_empty());
    }
}

#[test]
fn a_circle_is_refused() {
    for config in [
        "Host *\n ProxyJump bastion\n",
        "Host web1\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n",
        "Host web1\n ProxyJump web1\n",
        "Host web1\n ProxyJump other\nHost other\n HostName web1\n",
    ] {
        let (_home, settings) = settings(config);
        let error = route(&settings, json!({})).unwrap_err();
        assert!(error.to_string().starts_with("web1: ProxyJump leads in a circle"), "{error}");
        assert!(!error.is_unreachable());
    }
}

#[test]
fn a_proxy_command_gets_the_host() {
    let (_home, settings) = settings("Host web1\n HostName 10.0.0.1\n ProxyCommand sh -c \"nc '%h' %p\" # %r@%n\n");
    let found = route(&settings, json!({"ansible_user": "me"})).unwrap();
    let Via::Command { line, .. } = &found.via else { unreachable!() };
    assert_eq!(line, "sh -c \"nc '10.0.0.1' 22\" # me@web1");
    // All hosts it connects to take turns.
    assert!(found.server().contains("%h") && !found.server().contains("10.0.0.1"), "{}", found.server());
    let wrong = json!({"ansible_ssh_common_args": "-o 'ProxyCommand=nc %x'"});
    assert!(route(&settings, wrong).unwrap_err().to_string().contains("`%x`"));
}

#[test]
fn hosts_that_share_a_bastion_share_its_identity() {
    let (_home, settings) = settings("Host c\n User other\n");
    let hop = |args: &str| {
        let found = route(&settings, json!({"ansible_ssh_common_args": args})).unwrap();
        match found.via {
            Via::Jump(hop) => hop.identity(),
            _ => String::new(),
        }
    };
    assert_eq!(hop("-J a,b"), hop("-o ProxyJump=a,B -C"));
    assert_ne!(hop("-J a,b"), hop("-J b"));
    assert_ne!(hop("-J b"), hop("-J u@b"));
}

#[test]
fn names_that_a_shell_would_act_on_reach_none() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let hostile = format!("y$(touch${{IFS}}{})", mark.display());
    let (_home, settings) = settings(
        "Match host y* exec \"echo %h %r\"\n Port 22\nMatch user y* exec \"echo %h %r\"\n Port 22\nHost b\n User a;b\nHost c\n HostName a;b\n",
    );
    for vars in [
        json!({"ansible_host": hostile, "ansible_ssh_common_args": "-o 'ProxyCommand=nc %h %p'"}),
        json!({"ansible_user": hostile, "ansible_ssh_common_args": "-o 'ProxyCommand=nc %r'"}),
        json!({"ansible_host": "-oProxyCommand=x"}),
        json!({"ansible_host": "b"}),
        json!({"ansible_host": "c"}),
        json!({"ansible_host": "web1;id", "ansible_ssh_common_args": "-J %h"}),
        json!({"ansible_ssh_common_args": "-J 'a;b'"}),
    ] {
        let error = route(&settings, vars.clone()).unwrap_err();
        assert!(matches!(&error, SessionError::Input(text) if text.starts_with("web1: `")), "{vars}: {error}");
    }
    assert!(!mark.exists());
}

#[test]
fn revoked_host_keys_are_heeded_in_plain_form_and_no_other_is_taken_for_it() {
    use crate::session::known_hosts::Verdict;
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0 ".as_slice(), &[0; 32]].concat();
    let (_home, settings) = settings("RevokedHostKeys ~/%n\n");
    std::fs::write(settings.home.join(".ssh/known_hosts"), format!("web1 {public}\n")).unwrap();
    std::fs::write(settings.home.join("web1"), format!("# lost\n{public} a comment\n")).unwrap();
    let known = route(&settings, json!({})).unwrap().known;
    assert_eq!(known.verdict("web1", &blob), Verdict::Revoked { file: settings.home.join("web1"), line: 2 });
    assert_eq!(known.paths().matches(',').count(), 3);
    std::fs::write(settings.home.join("krl"), b"SSHKRL\n\0\0\0\0\x01").unwrap();
    std::fs::write(settings.home.join("senseless"), "ssh-ed25519\n").unwrap();
    for (name, wanted) in [("krl", "KRL"), ("senseless", "line 1: key is missing"), ("none-there", "cannot read it")] {
        let refused = route(&settings, json!({"ansible_host": name})).unwrap_err();
        assert!(matches!(refused, SessionError::Input(_)) && refused.to_string().contains(wanted), "{refused}");
    }
}
