//! The rules that every host begins with, and why each of them is there.

/// A path with all that is below it, or with `/**/` in front, a name at any depth.
pub(super) const PATHS: &[(&str, &[&str])] = &[
    (
        "what the machine boots from: to write there is to own it after the next start",
        &["/boot", "/efi"],
    ),
    (
        "devices are not files: they are disks, memory and keyboards",
        &["/dev"],
    ),
    (
        "the kernel's view of every process, with environments and memory, and of itself",
        &["/proc", "/sys"],
    ),
    (
        "accounts and hashes of passwords: to read is to attack them, to write is to be root",
        &[
            "/etc/passwd",
            "/etc/passwd-",
            "/etc/shadow",
            "/etc/shadow-",
            "/etc/gshadow",
            "/etc/gshadow-",
            "/etc/master.passwd",
            "/etc/spwd.db",
            "/etc/security/opasswd",
            "/private/etc/master.passwd",
            "/private/etc/passwd",
            "/var/db/dslocal",
            "/private/var/db/dslocal",
        ],
    ),
    (
        "who may become root, and how one logs in",
        &[
            "/etc/sudoers",
            "/etc/sudoers.d",
            "/etc/pam.d",
            "/private/etc/sudoers",
        ],
    ),
    (
        "the machine's own keys",
        &[
            "/etc/ssh",
            "/private/etc/ssh",
            "/etc/ssl/private",
            "/etc/krb5.keytab",
        ],
    ),
    (
        "secrets that a container or its orchestrator was given",
        &["/run/secrets", "/var/run/secrets", "/run/credentials"],
    ),
    (
        "keys that open other machines",
        &[
            "/**/.ssh",
            "/**/.gnupg",
            "/**/id_rsa",
            "/**/id_dsa",
            "/**/id_ecdsa",
            "/**/id_ed25519",
        ],
    ),
    (
        "a user's credentials for clouds, registries and databases",
        &[
            "/**/.aws",
            "/**/.azure",
            "/**/.config/gcloud",
            "/**/.config/gh",
            "/**/.kube",
            "/**/.docker",
            "/**/.netrc",
            "/**/_netrc",
            "/**/.git-credentials",
            "/**/.pgpass",
            "/**/.pypirc",
            "/**/.vault-token",
            "/**/.cargo/credentials",
            "/**/.cargo/credentials.toml",
        ],
    ),
    (
        "a user's stored passwords",
        &[
            "/**/.password-store",
            "/**/.local/share/keyrings",
            "/**/library/keychains",
        ],
    ),
];

/// Names of hosts.
pub(super) const HOSTS: &[(&str, &str)] = &[
    ("metadata.google.internal", METADATA),
    ("metadata.goog", METADATA),
    ("instance-data", METADATA),
    ("instance-data.ec2.internal", METADATA),
];

/// Networks: an address and how many of its first bits count.
pub(super) const NETWORKS: &[(&str, u8, &str)] = &[
    ("169.254.0.0", 16, METADATA),
    ("fd00:ec2::", 32, METADATA),
    ("fd20:ce::254", 128, METADATA),
    ("100.100.100.200", 32, METADATA),
    ("168.63.129.16", 32, METADATA),
    ("192.0.0.192", 32, METADATA),
];

const METADATA: &str =
    "where clouds give a machine its credentials, to anyone who asks from that machine";

/// Ports that nobody connects to.
pub(super) const PORTS: &[(u16, &str)] = &[
    (
        22,
        "SSH: with a key or a password it is a shell on another machine",
    ),
    (
        2375,
        "Docker's port without a password: to reach it is to be root",
    ),
];

/// Names of programs that are not started.
pub(super) const COMMANDS: &[(&str, &[&str])] = &[
    (
        "a shell starts every other command, so the grant of one is the grant of all",
        &[
            "sh",
            "ash",
            "bash",
            "csh",
            "dash",
            "fish",
            "ksh",
            "mksh",
            "nu",
            "rbash",
            "tcsh",
            "zsh",
            "busybox",
            "toybox",
            "cmd",
            "powershell",
            "powershell_ise",
            "pwsh",
            "wscript",
            "cscript",
            "osascript",
        ],
    ),
    (
        "it starts what its arguments say, so the grant of it is the grant of all",
        &[
            "env", "xargs", "nohup", "setsid", "script", "nsenter", "unshare", "chroot", "ssh",
        ],
    ),
    (
        "it starts commands as another user",
        &[
            "sudo", "su", "doas", "pkexec", "run0", "runuser", "runas", "gsudo",
        ],
    ),
];
