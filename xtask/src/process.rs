//! Runs child processes so that none is left behind when a signal ends this one.

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fmt, mem, thread};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The error of a command that a signal ended.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

#[derive(Debug, Clone, Copy)]
enum Target {
    /// A process group of its own: nothing but this program sends it signals.
    Group(Pid),
    /// A process of our group: the terminal sends it an interrupt too.
    Process(Pid),
}

struct Running {
    target: Option<Target>,
    interrupted: bool,
}

static RUNNING: Mutex<Running> = Mutex::new(Running {
    target: None,
    interrupted: false,
});

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a signal ends the running child instead of this process, which then cleans up on its way out.
pub(crate) fn forward_signals() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot catch signals")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            forward(signal);
        }
    });
    Ok(())
}

fn forward(raw: i32) {
    let mut running = running();
    let again = mem::replace(&mut running.interrupted, true);
    let signal = match raw {
        _ if again => Signal::KILL,
        SIGHUP => Signal::HUP,
        SIGINT => Signal::INT,
        _ => Signal::TERM,
    };
    // A child that is already gone is what was wanted.
    let _ = match running.target {
        Some(Target::Group(group)) => kill_process_group(group, signal),
        Some(Target::Process(process)) if raw != SIGINT => kill_process(process, signal),
        Some(Target::Process(_)) | None => Ok(()),
    };
}

/// Fails once a signal has arrived.
pub(crate) fn check_interrupted() -> Result<()> {
    if running().interrupted {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}

/// Runs a command in a process group of its own and without input; what is left of the group when the command has
/// ended is ended too. Fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    command.process_group(0).stdin(Stdio::null());
    let status = supervise(command, Target::Group)?;
    check_interrupted()?;
    succeeded(command, status)
}

/// As [`run`], for a command that may talk to the person at the terminal.
pub(crate) fn run_interactively(command: &mut Command) -> Result<()> {
    if io::stdin().is_terminal() {
        // An interrupt is the command's own business here: many programs go on after one.
        let status = supervise(command, Target::Process)?;
        return succeeded(command, status);
    }
    command.process_group(0);
    let status = supervise(command, Target::Group)?;
    check_interrupted()?;
    succeeded(command, status)
}

fn supervise(command: &mut Command, target: fn(Pid) -> Target) -> Result<ExitStatus> {
    // The lock is held while spawning, so that a signal arriving meanwhile finds the child.
    let mut state = running();
    if state.interrupted {
        return Err(Interrupted.into());
    }
    let mut child = spawn(command)?;
    let target = target(Pid::from_child(&child));
    state.target = Some(target);
    drop(state);

    let status = child.wait();
    running().target = None;
    if let Target::Group(group) = target {
        let _ = kill_process_group(group, Signal::TERM);
    }
    status.with_context(|| format!("cannot wait for {}", program(command)))
}

/// Spawns a command, naming it when that fails.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .with_context(|| format!("cannot run {}", program(command)))
}

/// What a short command writes to standard output, trimmed. Fails unless it succeeds.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", program(command)))?;
    check_interrupted()?;
    succeeded(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

fn program(command: &Command) -> String {
    PathBuf::from(command.get_program()).display().to_string()
}

fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<_> = [name]
        .into_iter()
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    let line = words.join(" ");
    // A script given as an argument would bury the message.
    line.lines().next().unwrap_or_default().to_owned()
}

/// The program of this name in `PATH`.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}
