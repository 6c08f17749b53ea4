//! Whether a directory is on another machine's disk, as far as Linux says; elsewhere nothing is known.

use std::path::Path;

/// Kinds on which locks or flushes are only a courtesy of the other side.
const NETWORK_FILESYSTEMS: &[&str] = &[
    "afs",
    "ceph",
    "cifs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// The kind of network filesystem that a directory is on, if it is on one.
pub(super) fn network_filesystem(directory: &Path) -> Option<String> {
    // Where there is no such table, there is nothing to go by; the engine's own locks remain.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = filesystem_of(&mounts, directory)?;
    NETWORK_FILESYSTEMS.contains(&kind).then(|| kind.to_owned())
}

/// The kind of the deepest mount above a directory; of two at the same place the later hides the earlier.
fn filesystem_of<'a>(mounts: &'a str, directory: &Path) -> Option<&'a str> {
    let above = mounts.lines().filter_map(|line| {
        // `36 35 98:0 /root /mount/point options [optional fields] - kind source options`
        let (left, right) = line.split_once(" - ")?;
        let mount_point = left.split(' ').nth(4)?.replace("\\040", " ");
        let depth = Path::new(&mount_point).components().count();
        directory.starts_with(&mount_point).then_some((depth, right.split(' ').next()?))
    });
    above.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:41 / /mnt/share rw shared:2 master:3 - nfs4 server:/export rw
31 30 8:2 / /mnt/share/local rw - xfs /dev/sdb1 rw
32 22 0:42 / /mnt/my\\040disk rw - cifs //server/disk rw
33 22 8:3 / /twice rw - ext4 /dev/sdc1 rw
34 22 0:43 / /twice rw - fuse.sshfs me@server: rw
a line that says nothing";

    #[test]
    fn the_deepest_mount_counts() {
        for (directory, kind) in [
            ("/", "ext4"),
            ("/var/lib/payhub", "ext4"),
            ("/mnt", "ext4"),
            ("/mnt/shared", "ext4"),
            ("/mnt/share", "nfs4"),
            ("/mnt/share/payhub", "nfs4"),
            ("/mnt/share/local/payhub", "xfs"),
            ("/mnt/my disk/payhub", "cifs"),
            ("/twice/payhub", "fuse.sshfs"),
        ] {
            assert_eq!(filesystem_of(MOUNTS, Path::new(directory)), Some(kind), "{directory}");
        }
        assert_eq!(filesystem_of("", Path::new("/")), None);
    }
}
