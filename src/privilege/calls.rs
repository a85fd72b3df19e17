//! System calls that a probe needs while it watches.
//!
//! Two filters, of which the stricter answer counts:
//!
//! - What nothing here would ever call, and whoever takes over a process would want first (another program, another process's
//!   memory, another raw socket, another kernel program, a module, a mount), ends the process. A probe that is no longer itself
//!   writes bills; a service manager starts a true one in a second.
//! - Any other call that is not on the list fails as one that the kernel does not have (ENOSYS). A library that tries a newer
//!   call first goes on with the older one, and a gap in this list costs a feature and not the process, which would be every
//!   open session.
//!   It leaves no trace: the kernel's log of such answers (SECCOMP_FILTER_FLAG_LOG) would have a line for each thread that is
//!   started (`clone3`), and would be full of them where one call is made again and again. docs/privileges.md says how to look.
//!
//! The answers are for good: the kernel takes no filter off.

use std::collections::BTreeMap;
use std::env;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::PrivilegeError;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// `BPF_MAP_LOOKUP_ELEM`: the filter's counters are read by it, with a descriptor that is already there.
const MAP_LOOKUP: u64 = 1;

/// Takes every other call from this thread, and those that it starts. `false` where no list is known for this processor.
pub(super) fn keep_only_these() -> Result<bool, PrivilegeError> {
    let Ok(arch) = TargetArch::try_from(env::consts::ARCH) else { return Ok(false) };
    let needed = SeccompFilter::new(needed()?, SeccompAction::Errno(libc::ENOSYS as u32), SeccompAction::Allow, arch)?;
    let fatal = SeccompFilter::new(fatal()?, SeccompAction::Allow, SeccompAction::KillProcess, arch)?;
    // Both are made before the first is applied, and the one that forbids `seccomp` itself is the last.
    let filters: [BpfProgram; 2] = [fatal.try_into()?, needed.try_into()?];
    for filter in &filters {
        apply_filter(filter)?;
    }
    Ok(true)
}

/// What ends the process.
fn fatal() -> Result<Rules, PrivilegeError> {
    let mut rules: Rules = FATAL.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_bpf, vec![rule(&[(0, SeccompCmpOp::Ne, MAP_LOOKUP)])?]);
    rules.insert(libc::SYS_socket, vec![rule(&[(0, SeccompCmpOp::Eq, libc::AF_PACKET as u64)])?]);
    Ok(rules)
}

/// What is answered.
fn needed() -> Result<Rules, PrivilegeError> {
    let eq = |argument, value| rule(&[(argument, SeccompCmpOp::Eq, value)]);
    let any_of =
        |argument, values: &[u64]| values.iter().map(|value| eq(argument, *value)).collect::<Result<Vec<_>, _>>();
    let mut rules: Rules = NEEDED.iter().chain(NEEDED_HERE).map(|call| (*call, Vec::new())).collect();
    // A thread, never a process. The flags of `clone3` are behind a pointer, where no filter sees them; the C library does
    // without it.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![rule(&[(0, SeccompCmpOp::MaskedEq(thread), thread)])?]);
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    rules.insert(libc::SYS_socket, any_of(0, &families.map(|family| family as u64))?);
    rules.insert(libc::SYS_socketpair, vec![eq(0, libc::AF_UNIX as u64)?]);
    rules.insert(libc::SYS_bpf, vec![eq(0, MAP_LOOKUP)?]);
    rules.insert(libc::SYS_ioctl, any_of(1, REQUESTS)?);
    rules.insert(libc::SYS_prctl, any_of(0, PRCTLS)?);
    // Limits are asked for, not set.
    rules.insert(libc::SYS_prlimit64, vec![rule64(2, 0)?]);
    // To itself, as `abort` does.
    rules.insert(libc::SYS_tgkill, vec![eq(0, u64::from(std::process::id()))?]);
    Ok(rules)
}

/// The lower halves are compared: the arguments are of 32 bits, and the kernel does not look at the rest.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, PrivilegeError> {
    let conditions = conditions
        .iter()
        .map(|(argument, operator, value)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
        })
        .collect::<Result<_, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}

/// A pointer has all its bits.
fn rule64(argument: u8, value: u64) -> Result<SeccompRule, PrivilegeError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

const FATAL: &[c_long] = &[
    // Another program, another process.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    // Another kernel.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    // Another view of files, another namespace.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    // Another user.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    // Keys of the kernel.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

const NEEDED: &[c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Signals to itself.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time, chance, and what it is and has used.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // Files: SQLite, and the C library's look-up of names. Which ones is landlock's affair.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Sockets: of the network, of this machine, and the kernel's routes, which the look-up of a name asks for.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// Older forms of the same, which this processor's kernel has and newer ones have not.
#[cfg(target_arch = "x86_64")]
const NEEDED_HERE: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const NEEDED_HERE: &[c_long] = &[];

/// Requests to descriptors: whether it is a terminal and how wide, whether it blocks, and whether an interface is there.
/// TIOCSTI, which types into the terminal of whoever started this, is not among them.
const REQUESTS: &[u64] = &[
    libc::TCGETS,
    libc::TCGETS2,
    libc::TIOCGWINSZ,
    libc::FIONBIO,
    libc::FIOCLEX,
    libc::FIONREAD,
    libc::SIOCGIFINDEX,
    libc::SIOCGIFNAME,
    libc::SIOCGIFFLAGS,
];

/// Names of threads, and of memory (PR_SET_VMA, by which the allocator marks its own); what the kernel told the process when it
/// began (PR_GET_AUXV).
const PRCTLS: &[u64] = &[libc::PR_SET_NAME as u64, libc::PR_GET_NAME as u64, 0x5356_4d41, 0x4155_5856];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_both_needed_and_fatal() {
        let (needed, fatal) = (needed().unwrap(), fatal().unwrap());
        for call in fatal.keys().filter(|call| needed.contains_key(*call)) {
            // These two by their arguments.
            assert!([libc::SYS_bpf, libc::SYS_socket].contains(call), "call {call}");
        }
    }

    #[test]
    fn no_call_that_would_open_a_way_out_is_needed() {
        let needed = needed().unwrap();
        for call in [libc::SYS_clone3, libc::SYS_seccomp, libc::SYS_io_uring_setup, libc::SYS_kill] {
            assert!(!needed.contains_key(&call), "call {call}");
        }
    }
}
