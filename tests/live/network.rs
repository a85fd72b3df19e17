//! Hosts joined by veth, and a mirror of what passes between them.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Network namespaces of one test, which go when it does.
pub(crate) struct Network {
    prefix: String,
    hosts: Vec<&'static str>,
}

impl Network {
    /// Hosts with their loopback up; absent, with a printed reason, where no namespace can be made or a program is missing.
    pub(crate) fn of(hosts: &[&'static str], programs: &[&str]) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for program in ["ip", "tc"].iter().chain(programs) {
            if !succeeds(Command::new("sh").args(["-c", &format!("command -v {program}")])) {
                println!("skipped: {program} is missing; tools/setup test installs it");
                return None;
            }
        }
        let prefix = format!("tolltap-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut network = Self { prefix, hosts: Vec::new() };
        for host in hosts {
            if !succeeds(Command::new("ip").args(["netns", "add", &network.name(host)])) {
                println!("skipped: network namespaces cannot be made here; they need root");
                return None;
            }
            network.hosts.push(host);
            network.ip(host, "link set lo up");
        }
        Some(network)
    }

    fn name(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// A command on a host.
    pub(crate) fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host), program]).stdin(Stdio::null());
        command
    }

    /// `ip` on a host.
    pub(crate) fn ip(&self, host: &str, arguments: &str) {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name(host)]).args(arguments.split(' '));
        must(&mut command);
    }

    /// Something else on a host.
    pub(crate) fn run(&self, host: &str, line: &str) {
        let mut words = line.split(' ');
        must(self.command(host, words.next().unwrap()).args(words));
    }

    /// Starts something that goes on.
    pub(crate) fn start(&self, host: &str, line: &str) -> Running {
        let mut words = line.split(' ');
        let mut command = self.command(host, words.next().unwrap());
        command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().expect("it starts"))
    }

    /// Joins two hosts by a cable; with an address at each end, or none.
    pub(crate) fn join(&self, one: (&str, &str, &str), other: (&str, &str, &str)) {
        let (host, port, _) = one;
        let (peer, peer_port, _) = other;
        self.ip(host, &format!("link add {port} type veth peer name {peer_port} netns {}", self.name(peer)));
        for (host, port, address) in [one, other] {
            if address.is_empty() {
                // A port that mirrors says nothing of its own.
                self.run(host, &format!("sysctl -qw net.ipv6.conf.{port}.disable_ipv6=1"));
            } else {
                self.ip(host, &format!("addr add {address} dev {port}"));
            }
            self.ip(host, &format!("link set {port} up"));
        }
    }

    /// Copies both directions of a host's port to other ports of it; to one that is named twice, twice.
    pub(crate) fn mirror(&self, host: &str, port: &str, to: &[&str]) {
        self.run(host, &format!("tc qdisc add dev {port} clsact"));
        let copies: String = to.iter().map(|to| format!(" action mirred egress mirror dev {to}")).collect();
        for direction in ["ingress", "egress"] {
            self.run(host, &format!("tc filter add dev {port} {direction} protocol all u32 match u32 0 0{copies}"));
        }
    }

    /// A port of a host whose frames leave by another inside VXLAN. Nobody takes them at the other end: they are to be seen.
    pub(crate) fn tunnel(&self, host: &str, port: &str, by: &str) {
        self.ip(host, &format!("addr add 10.77.9.1/24 dev {by}"));
        self.ip(host, &format!("neigh add 10.77.9.2 lladdr 02:00:00:00:09:02 dev {by}"));
        self.ip(host, &format!("link add {port} type vxlan id 77 remote 10.77.9.2 dstport 4789 dev {by}"));
        self.run(host, &format!("sysctl -qw net.ipv6.conf.{port}.disable_ipv6=1"));
        self.ip(host, &format!("link set {port} up"));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in &self.hosts {
            succeeds(Command::new("ip").args(["netns", "del", &self.name(host)]));
        }
    }
}

/// A process that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn must(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
