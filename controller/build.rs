//! Builds the agent, static and small, into a target folder of its own, and embeds it compressed.
//!
//! The agent is a program for the same target as the controller. `LUTHIER_AGENT_BIN` names a finished one instead.

use libdeflater::{CompressionLvl, Compressor};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables of the outer build that would change the inner one.
const LEAKS: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_INCREMENTAL",
    "RUSTC",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "RUSTC_LINKER",
    "OUT_DIR",
    "TARGET",
    "HOST",
    "PROFILE",
    "OPT_LEVEL",
    "DEBUG",
    "NUM_JOBS",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?)
        .parent()
        .map(Path::to_path_buf)
        .ok_or("the controller's folder has no parent")?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    for name in ["agent", "protocol", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(name).display());
    }
    println!("cargo::rerun-if-env-changed=LUTHIER_AGENT_BIN");
    let program = match std::env::var_os("LUTHIER_AGENT_BIN").filter(|text| !text.is_empty()) {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", Path::new(&path).display());
            Some(PathBuf::from(path))
        }
        None if variable("CARGO_CFG_TARGET_OS")? == "linux" => Some(build(&workspace, &out)?),
        // Elsewhere there is no agent to build; all of them come from --agent-dir.
        None => None,
    };
    embed(program.as_deref(), &out)
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("{name} is not set by cargo: {error}"))
}

/// Build the agent; its path.
fn build(workspace: &Path, out: &Path) -> Result<PathBuf, String> {
    let target = variable("TARGET")?;
    let folder = target_folder(out, &target)?.join("agent-embed");
    let mut command = Command::new(variable("CARGO")?);
    command
        .current_dir(workspace)
        .args(["build", "--package", "luthier-agent", "--no-default-features", "--profile", "agent"])
        .args(["--target", &target, "--target-dir"])
        .arg(&folder);
    if workspace.join("Cargo.lock").exists() {
        command.arg("--locked");
    }
    for name in LEAKS {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_CFG_", "CARGO_FEATURE_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.env("RUSTFLAGS", flags(workspace, out, &target)?);
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cannot build the agent that the controller embeds ({}).\nThe command was: {shown}\n{}\n\
             To embed a finished agent instead, name its file in LUTHIER_AGENT_BIN.",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(folder.join(&target).join("agent").join("luthier-agent"))
}

/// What makes a program static.
const STATIC: &[&str] = &["-C", "target-feature=+crt-static"];

/// What makes it small: no relocations to apply at the start, no tables for unwinding, which it never does.
const SMALL: &[&str] = &["-C", "relocation-model=static", "-C", "force-unwind-tables=no"];

/// The small form of SHA-2 for processors that have no instructions for it.
const COMPACT: &[&str] = &["--cfg", "sha2_backend_soft=\"compact\""];

/// What makes it smaller where the linker is LLVM's: equal functions once, no padding, no unwind tables of libraries.
const FOLD: &[&str] =
    &["-C", "link-arg=-Wl,--icf=all", "-C", "link-arg=-Wl,-z,noseparate-code", "-C", "link-arg=-Wl,--build-id=none"];

/// What of glibc is linked though the agent never calls it: each name is given a function that fails plainly, and what
/// hangs on it is left out.
const CUT: &[(&str, &str)] = &[
    // The standard library asks where a thread's stack begins, in order to word the message of an overflow, and glibc
    // reads `/proc/self/maps` through `scanf` to answer. `revoke` is glibc's way to say "cannot".
    ("pthread_getattr_np", "revoke"),
    // Nothing prints fractions through C.
    ("__printf_fp", "abort"),
    ("__printf_fphex", "abort"),
    // A stream of C's with foreign methods, a broken promise inside glibc: it would abort with a message.
    ("_IO_vtable_check", "abort"),
    ("__assert_fail", "abort"),
    // The resolver: linked only to free what it would have allocated.
    ("__resolv_conf_load", "abort"),
    ("__res_vinit", "abort"),
    // Message catalogues and character sets: the program never leaves the C locale.
    ("_nl_find_domain", "abort"),
    ("_nl_load_domain", "abort"),
    ("__gconv_open", "abort"),
    ("__gconv_close", "abort"),
    ("__gconv", "abort"),
    ("__gconv_create_spec", "abort"),
    ("__gconv_destroy_spec", "abort"),
    ("__gconv_release_step", "abort"),
    ("__wcsmbs_named_conv", "abort"),
    ("__wcsmbs_load_conv", "abort"),
];

/// Compiler flags for the agent, for `RUSTFLAGS`: the most that the toolchain's linker takes.
fn flags(workspace: &Path, out: &Path, target: &str) -> Result<String, String> {
    let libc = variable("CARGO_CFG_TARGET_ENV")?;
    if !["gnu", "musl"].contains(&libc.as_str()) {
        return Ok([STATIC, COMPACT].concat().join(" "));
    }
    let small = [STATIC, SMALL, COMPACT].concat();
    let link = workspace.join("agent").join("link");
    let script = |name: &str| ["-C".to_owned(), format!("link-arg=-Wl,-T,{}", link.join(name).display())];
    // `RUSTFLAGS` is split at blanks.
    if !link.display().to_string().contains(char::is_whitespace) {
        let folding: Vec<String> = small.iter().chain(FOLD).map(|&flag| flag.to_owned()).collect();
        let folding = [folding.as_slice(), &script("no-unwind-tables.ld")].concat();
        let cut =
            CUT.iter().flat_map(|(name, other)| ["-C".to_owned(), format!("link-arg=-Wl,--defsym={name}={other}")]);
        let cutting: Vec<String> = folding.iter().cloned().chain(cut).collect();
        // The agent's own walk over the stack comes before the unwinder's, see `agent/src/host/foreign.rs`.
        let traceless = ["--cfg", "luthier_traceless", "-C", "link-arg=-Wl,-z,muldefs"].map(str::to_owned);
        let parting = [cutting.as_slice(), &script("glibc.ld"), &traceless].concat();
        let choosing = [parting.as_slice(), &script("glibc-x86_64.ld")].concat();
        // Newer linkers put functions and data side by side that are alike, which packs better.
        let sorted = ["-C", "link-arg=-Wl,--bp-compression-sort=both"].map(str::to_owned);
        let sorting = [choosing.as_slice(), &sorted].concat();
        let most = if libc == "gnu" { [sorting, choosing, parting, cutting].to_vec() } else { Vec::new() };
        for flags in most.into_iter().chain([folding]) {
            if works(out, target, &flags)? {
                return Ok(flags.join(" "));
            }
        }
    }
    Ok([STATIC, COMPACT].concat().join(" "))
}

/// A small program that needs what the agent needs of its libc: errors' texts, the clock, threads, files, programs, sockets.
const PROBE: &str = "use std::io::{Error, Read, Write};
fn main() {
    let work = || (std::fs::read(\"/dev/null/x\").map_err(|error| error.to_string()), std::time::SystemTime::now());
    let (read, _) = std::thread::Builder::new().name(\"probe\".into()).spawn(work).unwrap().join().unwrap();
    assert!(read.is_err_and(|error| error.starts_with(\"Not a directory\")));
    assert_eq!(Error::from_raw_os_error(524).to_string(), \"Unknown error 524 (os error 524)\");
    assert!(std::fs::read_dir(std::fs::canonicalize(\"/.\").unwrap()).unwrap().next().is_some());
    let (mut left, mut right) = std::os::unix::net::UnixStream::pair().unwrap();
    left.write_all(b\"x\").unwrap();
    right.read_exact(&mut [0]).unwrap();
    let echo = std::process::Command::new(\"sh\").args([\"-c\", \"echo $WORD\"]).env(\"WORD\", \"said\").output().unwrap();
    assert_eq!(echo.stdout, b\"said\\n\");
    assert!(std::env::current_dir().is_ok() && std::thread::available_parallelism().is_ok());
    let moved = std::process::Command::new(\"pwd\").current_dir(\"/\").output().unwrap();
    assert_eq!(moved.stdout, b\"/\\n\");
}
";

/// Whether a small program links with these flags and, where it can be tried, runs: linkers and versions of libc differ,
/// and which ones are used is the toolchain's choice.
fn works(out: &Path, target: &str, flags: &[String]) -> Result<bool, String> {
    let source = out.join("probe.rs");
    std::fs::write(&source, PROBE).map_err(|error| format!("cannot write {}: {error}", source.display()))?;
    let mut command = Command::new(variable("RUSTC")?);
    command.args(["--edition", "2024", "-C", "panic=abort", "--target", target]).args(flags);
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        command.arg("-C").arg(format!("linker={}", linker.to_string_lossy()));
    }
    command.arg("-o").arg(out.join("probe")).arg(&source);
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if !output.status.success() || variable("HOST")? != target {
        return Ok(output.status.success());
    }
    Ok(Command::new(out.join("probe")).output().is_ok_and(|output| output.status.success()))
}

/// The folder that cargo builds in: `OUT_DIR` is `FOLDER[/TARGET]/PROFILE/build/PACKAGE/out`.
fn target_folder(out: &Path, target: &str) -> Result<PathBuf, String> {
    let folder = out.ancestors().nth(4).ok_or_else(|| format!("OUT_DIR {} is too short", out.display()))?;
    if folder.file_name().is_some_and(|name| name == target) {
        return folder.parent().map(Path::to_path_buf).ok_or_else(|| format!("{} has no parent", folder.display()));
    }
    Ok(folder.to_path_buf())
}

/// Write `agent.gz` and `agent.rs`, which defines `EMBEDDED`: architecture, hash, size, compressed bytes.
fn embed(program: Option<&Path>, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let head = "/// Architecture, SHA-256, size and gzip of the agent built with this program.\n\
                const EMBEDDED: Option<(&str, &str, u64, &[u8])> = ";
    let Some(program) = program else {
        std::fs::write(out.join("agent.rs"), format!("{head}None;\n"))?;
        return Ok(());
    };
    let bytes = std::fs::read(program).map_err(|error| format!("cannot read agent {}: {error}", program.display()))?;
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(out.join("agent.gz"), packed(&bytes)?)?;
    let arch = machine(&variable("CARGO_CFG_TARGET_ARCH")?, &variable("CARGO_CFG_TARGET_ENDIAN")?);
    let text = format!(
        "{head}Some(({arch:?}, {hash:?}, {}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/agent.gz\"))));\n",
        bytes.len()
    );
    std::fs::write(out.join("agent.rs"), text)?;
    Ok(())
}

/// As gzip, as tight as it gets: the agent travels to every host.
fn packed(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut packed = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor
        .gzip_compress(bytes, &mut packed)
        .map_err(|error| format!("cannot compress the agent: {error:?}"))?;
    packed.truncate(length);
    Ok(packed)
}

/// What `uname -m` says on a machine that Rust calls so.
fn machine(arch: &str, endian: &str) -> String {
    match (arch, endian) {
        ("x86", _) => "i686".to_owned(),
        ("arm", _) => "armv7l".to_owned(),
        ("powerpc64", "little") => "ppc64le".to_owned(),
        ("powerpc64", _) => "ppc64".to_owned(),
        _ => arch.to_owned(),
    }
}
