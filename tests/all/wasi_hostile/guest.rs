//! A guest that calls WASI as no program does, written by hand: a part for each
//! thing that it tries.

/// Imports all of WASI, under its names.
const IMPORTS: &str = include_str!("../../guests/wasi-imports.wat");

/// Imports all of `wasi:http`, under its names.
const HTTP_IMPORTS: &str = include_str!("../../guests/wasi-http-imports.wat");

/// Core names of functions, with where they are, what they are called and their
/// core types.
const FUNCTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "dirs",
        "filesystem/preopens",
        "get-directories",
        "(param i32)",
    ),
    (
        "open",
        "filesystem/types",
        "[method]descriptor.open-at",
        "(param i32 i32 i32 i32 i32 i32 i32)",
    ),
    (
        "stat",
        "filesystem/types",
        "[method]descriptor.stat-at",
        "(param i32 i32 i32 i32 i32)",
    ),
    (
        "mkdir",
        "filesystem/types",
        "[method]descriptor.create-directory-at",
        "(param i32 i32 i32 i32)",
    ),
    (
        "rmdir",
        "filesystem/types",
        "[method]descriptor.remove-directory-at",
        "(param i32 i32 i32 i32)",
    ),
    (
        "unlink",
        "filesystem/types",
        "[method]descriptor.unlink-file-at",
        "(param i32 i32 i32 i32)",
    ),
    (
        "readlink",
        "filesystem/types",
        "[method]descriptor.readlink-at",
        "(param i32 i32 i32 i32)",
    ),
    (
        "symlink",
        "filesystem/types",
        "[method]descriptor.symlink-at",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
    (
        "rename",
        "filesystem/types",
        "[method]descriptor.rename-at",
        "(param i32 i32 i32 i32 i32 i32 i32)",
    ),
    (
        "link",
        "filesystem/types",
        "[method]descriptor.link-at",
        "(param i32 i32 i32 i32 i32 i32 i32 i32)",
    ),
    (
        "times-at",
        "filesystem/types",
        "[method]descriptor.set-times-at",
        "(param i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32)",
    ),
    (
        "times",
        "filesystem/types",
        "[method]descriptor.set-times",
        "(param i32 i32 i64 i32 i32 i64 i32 i32)",
    ),
    (
        "set-size",
        "filesystem/types",
        "[method]descriptor.set-size",
        "(param i32 i64 i32)",
    ),
    (
        "read",
        "filesystem/types",
        "[method]descriptor.read",
        "(param i32 i64 i64 i32)",
    ),
    (
        "write",
        "filesystem/types",
        "[method]descriptor.write",
        "(param i32 i32 i32 i64 i32)",
    ),
    (
        "list",
        "filesystem/types",
        "[method]descriptor.read-directory",
        "(param i32 i32)",
    ),
    (
        "list-next",
        "filesystem/types",
        "[method]directory-entry-stream.read-directory-entry",
        "(param i32 i32)",
    ),
    (
        "reader",
        "filesystem/types",
        "[method]descriptor.read-via-stream",
        "(param i32 i64 i32)",
    ),
    (
        "writer",
        "filesystem/types",
        "[method]descriptor.write-via-stream",
        "(param i32 i64 i32)",
    ),
    (
        "appender",
        "filesystem/types",
        "[method]descriptor.append-via-stream",
        "(param i32 i32)",
    ),
    (
        "in-read",
        "io/streams",
        "[method]input-stream.read",
        "(param i32 i64 i32)",
    ),
    (
        "in-wait",
        "io/streams",
        "[method]input-stream.blocking-read",
        "(param i32 i64 i32)",
    ),
    (
        "in-skip",
        "io/streams",
        "[method]input-stream.blocking-skip",
        "(param i32 i64 i32)",
    ),
    (
        "in-poll",
        "io/streams",
        "[method]input-stream.subscribe",
        "(param i32) (result i32)",
    ),
    (
        "out-write",
        "io/streams",
        "[method]output-stream.write",
        "(param i32 i32 i32 i32)",
    ),
    (
        "out-wait",
        "io/streams",
        "[method]output-stream.blocking-write-and-flush",
        "(param i32 i32 i32 i32)",
    ),
    (
        "out-zeroes",
        "io/streams",
        "[method]output-stream.write-zeroes",
        "(param i32 i64 i32)",
    ),
    ("poll", "io/poll", "poll", "(param i32 i32 i32)"),
    ("block", "io/poll", "[method]pollable.block", "(param i32)"),
    (
        "timer",
        "clocks/monotonic-clock",
        "subscribe-duration",
        "(param i64) (result i32)",
    ),
    ("stdin", "cli/stdin", "get-stdin", "(result i32)"),
    ("stdout", "cli/stdout", "get-stdout", "(result i32)"),
    ("args", "cli/environment", "get-arguments", "(param i32)"),
    (
        "random",
        "random/random",
        "get-random-bytes",
        "(param i64 i32)",
    ),
    (
        "tcp",
        "sockets/tcp-create-socket",
        "create-tcp-socket",
        "(param i32 i32)",
    ),
    (
        "udp",
        "sockets/udp-create-socket",
        "create-udp-socket",
        "(param i32 i32)",
    ),
    (
        "fields",
        "http/types",
        "[constructor]fields",
        "(result i32)",
    ),
    (
        "append",
        "http/types",
        "[method]fields.append",
        "(param i32 i32 i32 i32 i32 i32)",
    ),
    (
        "request",
        "http/types",
        "[constructor]outgoing-request",
        "(param i32) (result i32)",
    ),
    (
        "set-method",
        "http/types",
        "[method]outgoing-request.set-method",
        "(param i32 i32 i32 i32) (result i32)",
    ),
    (
        "set-path",
        "http/types",
        "[method]outgoing-request.set-path-with-query",
        "(param i32 i32 i32 i32) (result i32)",
    ),
    (
        "set-authority",
        "http/types",
        "[method]outgoing-request.set-authority",
        "(param i32 i32 i32 i32) (result i32)",
    ),
    (
        "body",
        "http/types",
        "[method]outgoing-request.body",
        "(param i32 i32)",
    ),
    (
        "body-stream",
        "http/types",
        "[method]outgoing-body.write",
        "(param i32 i32)",
    ),
];

/// Destructors, by the interface and the name of the resource.
const DROPS: &[(&str, &str, &str)] = &[
    ("drop-file", "filesystem/types", "descriptor"),
    ("drop-in", "io/streams", "input-stream"),
    ("drop-out", "io/streams", "output-stream"),
    ("drop-poll", "io/poll", "pollable"),
    ("drop-fields", "http/types", "fields"),
];

/// What a function says that did as it was told.
pub(crate) const DONE: u32 = 1000;

/// Results come back at 64. `code` gives [`DONE`], or the error that is at an
/// offset in them.
const HELPERS: &str = r#"
    (func $code (param $offset i32) (result i32)
        (if (result i32) (i32.load8_u (i32.const 64))
            (then (i32.load8_u (i32.add (i32.const 64) (local.get $offset))))
            (else (i32.const 1000))))
    ;; The handle in a result, which has to be there.
    (func $made (result i32)
        (if (i32.load8_u (i32.const 64)) (then unreachable))
        (i32.load (i32.const 68)))
    ;; The first folder, asked for once.
    (global $dir (mut i32) (i32.const 0))
    (func $dir (result i32)
        (if (i32.eqz (global.get $dir))
            (then
                (call $dirs (i32.const 64))
                (global.set $dir (i32.load (i32.load (i32.const 64))))))
        (global.get $dir))
    ;; Opens a file by a path: for reading, or for that and writing.
    (func $file (param i32 i32 i32) (result i32)
        (call $open (call $dir) (i32.const 1) (local.get 0) (local.get 1)
            (i32.const 0) (local.get 2) (i32.const 64))
        (call $made))
    ;; Headers, with this many empty ones: their names are `a` and four letters.
    (func $filled (param $count i32) (result i32) (local $h i32) (local $shift i32)
        (local.set $h (call $fields))
        (i32.store8 (i32.const 128) (i32.const 97))
        (loop $more
            (if (local.get $count)
                (then
                    (local.set $shift (i32.const 0))
                    (loop $letters
                        (i32.store8
                            (i32.add (i32.const 129) (i32.shr_u (local.get $shift) (i32.const 2)))
                            (i32.add (i32.const 97) (i32.and (i32.const 15)
                                (i32.shr_u (local.get $count) (local.get $shift)))))
                        (local.set $shift (i32.add (local.get $shift) (i32.const 4)))
                        (br_if $letters (i32.lt_u (local.get $shift) (i32.const 16))))
                    (call $append (local.get $h) (i32.const 128) (i32.const 5)
                        (i32.const 0) (i32.const 0) (i32.const 64))
                    (if (i32.load8_u (i32.const 64)) (then unreachable))
                    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                    (br $more))))
        (local.get $h))"#;

/// What the guest exports: each takes two texts, `$a` and `$b`, and a number `$n`,
/// and gives a number.
const EXPORTS: &[(&str, &str)] = &[
    // Flags of the path, of the opening and of the descriptor, a byte each.
    (
        "open",
        "(call $open (call $dir) (i32.wrap_i64 (i64.and (local.get $n) (i64.const 255)))
            (local.get $a) (local.get $al)
            (i32.wrap_i64 (i64.and (i64.shr_u (local.get $n) (i64.const 8)) (i64.const 255)))
            (i32.wrap_i64 (i64.shr_u (local.get $n) (i64.const 16))) (i32.const 64))
        (call $code (i32.const 4))",
    ),
    (
        "stat",
        "(call $stat (call $dir) (i32.wrap_i64 (local.get $n))
            (local.get $a) (local.get $al) (i32.const 64))
        (call $code (i32.const 8))",
    ),
    (
        "mkdir",
        "(call $mkdir (call $dir) (local.get $a) (local.get $al) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "rmdir",
        "(call $rmdir (call $dir) (local.get $a) (local.get $al) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "unlink",
        "(call $unlink (call $dir) (local.get $a) (local.get $al) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "readlink",
        "(call $readlink (call $dir) (local.get $a) (local.get $al) (i32.const 64))
        (call $code (i32.const 4))",
    ),
    (
        "symlink",
        "(call $symlink (call $dir) (local.get $a) (local.get $al)
            (local.get $b) (local.get $bl) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "rename",
        "(call $rename (call $dir) (local.get $a) (local.get $al)
            (call $dir) (local.get $b) (local.get $bl) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "link",
        "(call $link (call $dir) (i32.wrap_i64 (local.get $n)) (local.get $a) (local.get $al)
            (call $dir) (local.get $b) (local.get $bl) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "times-at",
        "(call $times-at (call $dir) (i32.wrap_i64 (local.get $n)) (local.get $a) (local.get $al)
            (i32.const 1) (i64.const 0) (i32.const 0)
            (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "times",
        "(call $times (call $file (local.get $a) (local.get $al) (i32.const 1))
            (i32.const 1) (i64.const 0) (i32.const 0)
            (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "set-size",
        "(call $set-size (call $file (local.get $a) (local.get $al) (i32.const 1))
            (local.get $n) (i32.const 64))
        (call $code (i32.const 1))",
    ),
    (
        "write",
        "(call $write (call $file (local.get $a) (local.get $al) (i32.const 1))
            (local.get $b) (local.get $bl) (i64.const 0) (i32.const 64))
        (call $code (i32.const 8))",
    ),
    (
        "writer",
        "(call $writer (call $file (local.get $a) (local.get $al) (i32.const 1))
            (i64.const 0) (i32.const 64))
        (call $code (i32.const 4))",
    ),
    (
        "appender",
        "(call $appender (call $file (local.get $a) (local.get $al) (i32.const 1))
            (i32.const 64))
        (call $code (i32.const 4))",
    ),
    // Things that are made until there are `$n`, and kept.
    (
        "keep-files",
        "(local.set $h (call $dir))
        (loop $more
            (call $open (local.get $h) (i32.const 1) (local.get $a) (local.get $al)
                (i32.const 0) (i32.const 1) (i32.const 64))
            (drop (call $made))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "keep-dirs",
        "(loop $more
            (call $dirs (i32.const 64))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "keep-lists",
        "(local.set $h (call $dir))
        (loop $more
            (call $list (local.get $h) (i32.const 64))
            (drop (call $made))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    // Of files that are dropped: a stream keeps one open.
    (
        "keep-streams",
        "(loop $more
            (local.set $h (call $file (local.get $a) (local.get $al) (i32.const 1)))
            (call $reader (local.get $h) (i64.const 0) (i32.const 64))
            (drop (call $made))
            (call $drop-file (local.get $h))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "keep-timers",
        "(loop $more
            (drop (call $timer (i64.const 1000000000000)))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "keep-stdin",
        "(loop $more
            (drop (call $in-poll (call $stdin)))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "keep-tcp",
        "(loop $more
            (call $tcp (i32.const 0) (i32.const 64))
            (if (i32.load8_u (i32.const 64))
                (then (return (i32.load8_u (i32.const 68)))))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "keep-udp",
        "(loop $more
            (call $udp (i32.const 0) (i32.const 64))
            (if (i32.load8_u (i32.const 64))
                (then (return (i32.load8_u (i32.const 68)))))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    // The first entry of each list is read.
    (
        "keep-entries",
        "(local.set $h (call $dir))
        (loop $more
            (call $list (local.get $h) (i32.const 64))
            (call $list-next (call $made) (i32.const 64))
            (if (i32.load8_u (i32.const 64)) (then unreachable))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    // All entries of a list: how many there are.
    (
        "count-entries",
        "(call $list (call $dir) (i32.const 64))
        (local.set $h (call $made))
        (loop $more
            (call $list-next (local.get $h) (i32.const 64))
            (if (i32.load8_u (i32.const 64)) (then unreachable))
            (if (i32.load8_u (i32.const 68))
                (then
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br $more))))
        (local.get $i)",
    ),
    // Files that are read ahead of the guest.
    (
        "keep-reading",
        "(loop $more
            (local.set $h (call $file (local.get $a) (local.get $al) (i32.const 1)))
            (call $reader (local.get $h) (i64.const 0) (i32.const 64))
            (call $in-read (call $made) (i64.const -1) (i32.const 64))
            (if (i32.load8_u (i32.const 64)) (then unreachable))
            (call $drop-file (local.get $h))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    // What is written is not waited for.
    (
        "keep-writing",
        "(loop $more
            (local.set $h (call $file (local.get $a) (local.get $al) (i32.const 3)))
            (call $writer (local.get $h) (i64.const 0) (i32.const 64))
            (call $out-write (call $made) (i32.const 0) (i32.const 65536) (i32.const 64))
            (if (i32.load8_u (i32.const 64)) (then unreachable))
            (call $drop-file (local.get $h))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "write-file",
        "(call $writer (call $file (local.get $a) (local.get $al) (i32.const 3))
            (i64.const 0) (i32.const 64))
        (call $out-write (call $made) (i32.const 0) (i32.wrap_i64 (local.get $n))
            (i32.const 64))
        (call $code (i32.const 4))",
    ),
    // Headers, as many in each as `$a` is long.
    (
        "keep-fields",
        "(loop $more
            (drop (call $filled (local.get $al)))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    (
        "drop-fields",
        "(loop $more
            (i32.store
                (i32.add (i32.const 8192) (i32.shl (local.get $i) (i32.const 2)))
                (call $fields))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.wrap_i64 (local.get $n)))))
        (loop $less
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (call $drop-fields (i32.load
                (i32.add (i32.const 8192) (i32.shl (local.get $i) (i32.const 2)))))
            (br_if $less (local.get $i)))
        (i32.const 1000)",
    ),
    // Requests with such headers, `$b` as their path, and as much of a body as there
    // may be before somebody takes it.
    (
        "keep-requests",
        "(loop $more
            (local.set $h (call $request (call $filled (local.get $al))))
            (if (call $set-path (local.get $h) (i32.const 1) (local.get $b) (local.get $bl))
                (then unreachable))
            (call $body (local.get $h) (i32.const 64))
            (call $body-stream (call $made) (i32.const 64))
            (local.set $i (call $made))
            (local.set $j (i32.const 2))
            (loop $parts
                (call $out-write (local.get $i) (i32.const 0) (i32.const 65536) (i32.const 64))
                (if (i32.load8_u (i32.const 64)) (then unreachable))
                (br_if $parts (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
            (call $drop-out (local.get $i))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    // Whether a request takes `$a` as its method, and as its authority.
    (
        "method",
        "(call $set-method (call $request (call $fields))
            (i32.const 9) (local.get $a) (local.get $al))",
    ),
    (
        "authority",
        "(call $set-authority (call $request (call $fields))
            (i32.const 1) (local.get $a) (local.get $al))",
    ),
    // Opens and drops, for as long as it may.
    (
        "churn",
        "(local.set $h (call $dir))
        (loop $more
            (call $open (local.get $h) (i32.const 1) (local.get $a) (local.get $al)
                (i32.const 0) (i32.const 1) (i32.const 64))
            (call $drop-file (call $made))
            (br_if $more (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (i32.const 1000)",
    ),
    // A list of one timer, `$n` times: how many are over.
    (
        "poll",
        "(local.set $h (call $timer (i64.const 0)))
        (local.set $j (call $realloc (i32.const 0) (i32.const 0) (i32.const 4)
            (i32.wrap_i64 (i64.shl (local.get $n) (i64.const 2)))))
        (loop $more
            (if (i32.lt_u (local.get $i) (i32.wrap_i64 (local.get $n)))
                (then
                    (i32.store
                        (i32.add (local.get $j) (i32.shl (local.get $i) (i32.const 2)))
                        (local.get $h))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br $more))))
        (call $poll (local.get $j) (local.get $i) (i32.const 64))
        (i32.load (i32.const 68))",
    ),
    // A list that is said to be longer than the memory.
    (
        "poll-outside",
        "(call $poll (i32.const 1024) (i32.wrap_i64 (local.get $n)) (i32.const 64))
        (i32.load (i32.const 68))",
    ),
    // Lengths: how many bytes there were.
    (
        "read",
        "(call $read (call $file (local.get $a) (local.get $al) (i32.const 1))
            (local.get $n) (i64.const 0) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (return (call $code (i32.const 4)))))
        (i32.load (i32.const 72))",
    ),
    (
        "read-far",
        "(call $read (call $file (local.get $a) (local.get $al) (i32.const 1))
            (i64.const 16) (local.get $n) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (return (call $code (i32.const 4)))))
        (i32.load (i32.const 72))",
    ),
    (
        "read-stream",
        "(call $reader (call $file (local.get $a) (local.get $al) (i32.const 1))
            (i64.const 0) (i32.const 64))
        (call $in-wait (call $made) (local.get $n) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (return (i32.const 999))))
        (i32.load (i32.const 72))",
    ),
    (
        "skip-stream",
        "(call $reader (call $file (local.get $a) (local.get $al) (i32.const 1))
            (i64.const 0) (i32.const 64))
        (call $in-skip (call $made) (local.get $n) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (return (i32.const 999))))
        (i32.load (i32.const 72))",
    ),
    (
        "read-stdin",
        "(call $in-wait (call $stdin) (local.get $n) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (return (i32.const 999))))
        (i32.load (i32.const 72))",
    ),
    (
        "random",
        "(call $random (local.get $n) (i32.const 64))
        (i32.load (i32.const 68))",
    ),
    (
        "zeroes",
        "(call $out-zeroes (call $stdout) (local.get $n) (i32.const 64))
        (i32.load8_u (i32.const 64))",
    ),
    (
        "write-out",
        "(call $out-wait (call $stdout) (i32.const 0) (i32.wrap_i64 (local.get $n))
            (i32.const 64))
        (i32.load8_u (i32.const 64))",
    ),
    (
        "args",
        "(call $args (i32.const 64))
        (i32.load (i32.const 68))",
    ),
    // Handles.
    (
        "other-type",
        "(call $read (call $timer (i64.const 0)) (i64.const 1) (i64.const 0) (i32.const 64))
        (i32.const 1000)",
    ),
    (
        "drop-other-type",
        "(call $drop-file (call $timer (i64.const 0)))
        (i32.const 1000)",
    ),
    (
        "no-handle",
        "(call $block (i32.wrap_i64 (local.get $n)))
        (i32.const 1000)",
    ),
    (
        "after-drop",
        "(local.set $h (call $timer (i64.const 0)))
        (call $drop-poll (local.get $h))
        (call $block (local.get $h))
        (i32.const 1000)",
    ),
    (
        "drop-twice",
        "(local.set $h (call $dir))
        (call $drop-file (local.get $h))
        (call $drop-file (local.get $h))
        (i32.const 1000)",
    ),
    (
        "poll-after-drop",
        "(local.set $h (call $timer (i64.const 0)))
        (i32.store (i32.const 128) (local.get $h))
        (call $drop-poll (local.get $h))
        (call $poll (i32.const 128) (i32.const 1) (i32.const 64))
        (i32.const 1000)",
    ),
    // A stream that reads on from a file that was dropped: how many bytes.
    (
        "file-dropped",
        "(local.set $h (call $file (local.get $a) (local.get $al) (i32.const 1)))
        (call $reader (local.get $h) (i64.const 0) (i32.const 64))
        (local.set $i (call $made))
        (call $drop-file (local.get $h))
        (call $in-wait (local.get $i) (i64.const 100) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (return (i32.const 999))))
        (i32.load (i32.const 72))",
    ),
    // A stream that has a pollable.
    (
        "drop-parent",
        "(local.set $h (call $stdin))
        (drop (call $in-poll (local.get $h)))
        (call $drop-in (local.get $h))
        (i32.const 1000)",
    ),
    (
        "drop-child-first",
        "(local.set $h (call $stdin))
        (call $drop-poll (call $in-poll (local.get $h)))
        (call $drop-in (local.get $h))
        (i32.const 1000)",
    ),
];

/// The guest as text.
pub(crate) fn text() -> String {
    let mut text = IMPORTS.trim_end().strip_suffix(')').unwrap().to_owned();
    // What else is imported there is here already.
    let start = "(alias export $wasi:clocks/monotonic-clock@0.2.12 \"duration\"";
    let end = "(alias export $wasi:http/types@0.2.12";
    let http = &HTTP_IMPORTS[HTTP_IMPORTS.find(start).unwrap()..HTTP_IMPORTS.find(end).unwrap()];
    text += &http.replace("$duration", "$duration-of-http");
    text += r#"
    (core module $libc
        (memory (export "memory") 64)
        (global $next (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
            (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.set $next (i32.add (local.get 4) (local.get 3)))
            (loop $more
                (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
                    (then
                        (if (i32.eq (memory.grow (i32.const 64)) (i32.const -1))
                            (then unreachable))
                        (br $more))))
            (local.get 4)))
    (core instance $libc (instantiate $libc))"#;
    let mut imports = String::new();
    let mut given = String::new();
    for (name, interface, func, ty) in FUNCTIONS {
        text += &format!(
            "(core func ${name} (canon lower (func $wasi:{interface}@0.2.12 \"{func}\") \
             (memory $libc \"memory\") (realloc (func $libc \"realloc\"))))\n"
        );
        imports += &format!("(import \"\" \"{name}\" (func ${name} {ty}))\n");
        given += &format!("(export \"{name}\" (func ${name}))\n");
    }
    for (name, interface, resource) in DROPS {
        text += &format!(
            "(alias export $wasi:{interface}@0.2.12 \"{resource}\" (type $of-{name}))\n\
             (core func ${name} (canon resource.drop $of-{name}))\n"
        );
        imports += &format!("(import \"\" \"{name}\" (func ${name} (param i32)))\n");
        given += &format!("(export \"{name}\" (func ${name}))\n");
    }
    text += &format!(
        "(core module $m (import \"libc\" \"memory\" (memory 1)) \
         (import \"libc\" \"realloc\" (func $realloc (param i32 i32 i32 i32) (result i32)))\n\
         {imports} {HELPERS}\n"
    );
    for (name, body) in EXPORTS {
        text += &format!(
            "(func (export \"{name}\") (param $a i32) (param $al i32) (param $b i32) \
             (param $bl i32) (param $n i64) (result i32) \
             (local $h i32) (local $i i32) (local $j i32)\n{body})\n"
        );
    }
    text += &format!(
        ")\n(core instance $m (instantiate $m (with \"libc\" (instance $libc)) \
         (with \"\" (instance {given}))))\n"
    );
    for (name, _) in EXPORTS {
        text += &format!(
            "(func (export \"{name}\") (param \"a\" string) (param \"b\" string) \
             (param \"n\" u64) (result u32) (canon lift (core func $m \"{name}\") \
             (memory $libc \"memory\") (realloc (func $libc \"realloc\"))))\n"
        );
    }
    text + ")"
}
