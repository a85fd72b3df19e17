//! What a process can still do once it has given up its privileges, and what not.
//!
//! There is no way back, so each test runs itself a second time, as a process of its own, and looks how that ended.
#![cfg(feature = "live")]

mod inside;

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use inside::{Ended, inside};
use socket2::{Domain, Socket, Type};
use tolltap::privilege::{self, Files, FilesHeld};

/// Bad system call.
const SIGSYS: i32 = 31;

fn give_up(files: &Files) {
    privilege::give_up(Some(files)).expect("privileges can be given up");
}

/// A field of `/proc/thread-self/status`; it is read before files are out of reach.
fn status() -> impl Fn(&str) -> String {
    let file = File::open("/proc/thread-self/status").unwrap();
    move |field| {
        use std::os::unix::fs::FileExt as _;
        let mut text = vec![0; 8192];
        let length = file.read_at(&mut text, 0).unwrap();
        let text = String::from_utf8_lossy(&text[..length]).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {field}")).trim().to_owned()
    }
}

/// Where the kernel cannot limit files, a test about them has nothing to see.
fn has_landlock() -> bool {
    let modules = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let there = modules.split(',').any(|module| module == "landlock");
    if !there {
        println!("skipped: this kernel has no landlock, or it is not visible in /sys/kernel/security/lsm");
    }
    there
}

#[test]
fn no_capability_is_left_and_none_can_be_gained() {
    let ended = inside("no_capability_is_left_and_none_can_be_gained", || {
        let status = status();
        give_up(&Files::default());
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(status(set), "0000000000000000", "{set}");
        }
        assert_eq!(status("NoNewPrivs"), "1");
        assert_eq!(status("Seccomp"), "2");
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn without_a_sandbox_capabilities_go_all_the_same() {
    let ended = inside("without_a_sandbox_capabilities_go_all_the_same", || {
        let status = status();
        privilege::give_up(None).unwrap();
        assert_eq!(status("CapEff"), "0000000000000000");
        assert_eq!(status("NoNewPrivs"), "1");
        assert!(File::open("/etc/passwd").is_ok());
        assert!(Command::new("true").status().unwrap().success());
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn other_files_are_out_of_reach() {
    if !has_landlock() {
        return;
    }
    let ended = inside("other_files_are_out_of_reach", || {
        let (store, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("file"), "somebody's").unwrap();
        let mut files = Files::default();
        files.write_beside(&store.path().join("store"));
        let kept = privilege::give_up(Some(&files)).unwrap();
        assert!(matches!(kept.sandbox.unwrap().files, FilesHeld::Landlock { .. }), "{kept}");

        let denied = |path: &Path, options: &OpenOptions| options.open(path).unwrap_err().kind();
        let (read, write) =
            (OpenOptions::new().read(true).clone(), OpenOptions::new().write(true).create(true).clone());
        assert_eq!(denied(Path::new("/etc/passwd"), &read), ErrorKind::PermissionDenied);
        assert_eq!(denied(Path::new("/proc/self/mem"), &read), ErrorKind::PermissionDenied);
        assert_eq!(denied(&other.path().join("file"), &read), ErrorKind::PermissionDenied);
        assert_eq!(denied(&other.path().join("file"), &write), ErrorKind::PermissionDenied);
        assert_eq!(denied(&other.path().join("new"), &write), ErrorKind::PermissionDenied);
        assert_eq!(fs::remove_file(other.path().join("file")).unwrap_err().kind(), ErrorKind::PermissionDenied);

        // And in the store's own folder everything that a database does.
        fs::write(store.path().join("store-wal"), "log").unwrap();
        File::open(store.path()).unwrap().sync_all().unwrap();
        OpenOptions::new().write(true).open(store.path().join("store-wal")).unwrap().set_len(0).unwrap();
        fs::remove_file(store.path().join("store-wal")).unwrap();
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
#[cfg(feature = "enabler")]
fn temporary_files_go_where_sqlite_makes_them() {
    if !has_landlock() {
        return;
    }
    let ended = inside("temporary_files_go_where_sqlite_makes_them", || {
        let mut files = Files::default();
        files.write_temporary();
        give_up(&files);
        // Larger than its cache, which is then written to a file.
        let database = rusqlite::Connection::open("").unwrap();
        database.execute_batch("PRAGMA cache_size = 10; CREATE TABLE bytes (some BLOB);").unwrap();
        for _ in 0..100 {
            database.execute("INSERT INTO bytes VALUES (randomblob(100000))", []).unwrap();
        }
        assert!(File::open("/etc/passwd").is_err());
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn what_is_only_read_cannot_be_written() {
    if !has_landlock() {
        return;
    }
    let ended = inside("what_is_only_read_cannot_be_written", || {
        let mut files = Files::of_ports(&[]);
        files.read_names();
        give_up(&files);
        assert!(fs::read_to_string("/sys/class/net/lo/statistics/rx_missed_errors").is_err());
        assert!(fs::read_to_string("/sys/devices/system/cpu/possible").is_ok());
        assert!(fs::read_to_string("/etc/passwd").is_ok());
        let written = OpenOptions::new().append(true).open("/etc/passwd").unwrap_err();
        assert_eq!(written.kind(), ErrorKind::PermissionDenied);
        assert!(fs::write("/etc/tolltap-was-here", "").is_err());
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn names_are_still_looked_up() {
    let ended = inside("names_are_still_looked_up", || {
        let mut files = Files::default();
        files.read_names();
        give_up(&files);
        let addresses = ("localhost", 50051).to_socket_addrs().expect("localhost is known");
        assert!(addresses.count() > 0);
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn threads_and_connections_can_still_be_made() {
    let ended = inside("threads_and_connections_can_still_be_made", || {
        give_up(&Files::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::Builder::new().name("client".into()).spawn(move || TcpStream::connect(address)).unwrap();
        listener.accept().unwrap();
        client.join().unwrap().unwrap();
        UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0")).unwrap();
    });
    assert_eq!(ended, Ended::Well);
}

#[test]
fn threads_that_are_started_later_have_no_more() {
    let ended = inside("threads_that_are_started_later_have_no_more", || {
        give_up(&Files::default());
        thread::spawn(|| panic!("went on: {}", Command::new("true").exec())).join().unwrap();
    });
    assert_eq!(ended, Ended::By(SIGSYS));
}

#[test]
fn another_program_is_the_end_of_it() {
    let ended = inside("another_program_is_the_end_of_it", || {
        give_up(&Files::default());
        let error = Command::new("true").exec();
        panic!("went on: {error}");
    });
    assert_eq!(ended, Ended::By(SIGSYS));
}

#[test]
fn another_raw_socket_is_the_end_of_it() {
    let ended = inside("another_raw_socket_is_the_end_of_it", || {
        give_up(&Files::default());
        let socket = Socket::new(Domain::PACKET, Type::RAW, None);
        panic!("went on: {socket:?}");
    });
    assert_eq!(ended, Ended::By(SIGSYS));
}

#[test]
fn a_call_on_no_list_fails_and_no_more() {
    let ended = inside("a_call_on_no_list_fails_and_no_more", || {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::default();
        files.write_beside(&folder.path().join("store"));
        give_up(&files);
        // Nothing here makes folders.
        let made = fs::create_dir(folder.path().join("folder")).unwrap_err();
        // ENOSYS is 38 on every processor for which there is a list.
        assert_eq!(made.raw_os_error(), Some(38), "{made}");
        let family = Socket::new(Domain::VSOCK, Type::STREAM, None).unwrap_err();
        assert_eq!(family.raw_os_error(), Some(38), "{family}");
        let process = Command::new("true").status().unwrap_err();
        assert_eq!(process.raw_os_error(), Some(38), "{process}");
    });
    assert_eq!(ended, Ended::Well);
}
