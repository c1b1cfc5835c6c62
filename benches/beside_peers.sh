#!/bin/sh
# Times Veritome and the peers on the phantom in turn (ours, peer, ours, peer) and prints medians and ratios.
#
# usage: benches/beside_peers.sh VERITOME PYTHON PEERS_PY PHANTOM [ROUNDS] [NAME...]
#   VERITOME   the release binary      PYTHON  a Python with the peers (SimpleITK, VTK, nibabel, pydicom)
#   PEERS_PY   the peers' script       PHANTOM the folder with raw, rle, jpegls, j2k, vol.nii and vol.nii.gz
#   NAME       first load niigz mpr vr (default all)
set -eu
[ $# -ge 4 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
ours=$1; python=$2; peers=$3; phantom=$4; shift 4
rounds=3
case ${1:-} in [0-9]*) rounds=$1; shift ;; esac
[ $# -gt 0 ] || set -- first load niigz mpr vr

rows=$(mktemp -d)
trap 'rm -rf "$rows"' EXIT
# ITK looks for the plain file beside a .nii.gz; alone in a folder it unpacks.
mkdir "$rows/alone"
ln -s "$(realpath "$phantom")/vol.nii.gz" "$rows/alone/vol.nii.gz"

i=0
while [ "$i" -lt "$rounds" ]; do
    for name in "$@"; do
        "$ours" bench "$name" --data "$phantom" 2>/dev/null | sed 's/^/ours|/' >>"$rows/all"
        [ "$name" = first ] && continue
        "$python" "$peers" "$phantom" "$name" 2>/dev/null | sed 's/^/peer|/' >>"$rows/all"
        if [ "$name" = niigz ]; then
            "$python" "$peers" "$rows/alone" "$name" 2>/dev/null | sed 's/^/peer|alone: /' >>"$rows/all"
        fi
    done
    i=$((i + 1))
done

"$python" - "$rows/all" <<'PY'
import collections, statistics, sys

seconds = collections.defaultdict(list)
for line in open(sys.argv[1]):
    who, row = line.rstrip("\n").split("|", 1)
    name, _, number = row.rpartition(" ")
    try:
        value = float(number)
    except ValueError:
        print("#", row)
        continue
    seconds[who, name.strip()].append(value)
median = {k: statistics.median(v) for k, v in seconds.items()}
# Our row, the peer's row, the ratio asked for (or the seconds, without a peer).
rows = [
    ("first image of raw", None, 0.3),
    ("load raw", "load raw SimpleITK", 0.7),
    ("load rle", "load rle SimpleITK", 0.7),
    ("load jpegls", "load jpegls SimpleITK", 0.7),
    ("load j2k", "load j2k SimpleITK", 0.9),
    ("load nii.gz", "load nii.gz SimpleITK", 1.0),
    ("load nii.gz", "alone: load nii.gz SimpleITK", 1.0),
    ("64 oblique 512x512 CPU", "mpr 64 oblique 512x512 VTK", 0.5),
    ("vr mip 512px", "vr mip 512px GPUVolume", 1.0),
    ("vr comp 512px", "vr comp 512px GPUVolume", 1.0),
    ("vr shade 512px", "vr shade 512px GPUVolume", 0.3),
    ("vr mip moving", None, 0.1),
    ("vr comp moving", None, 0.1),
    ("vr shade moving", None, 0.1),
]
print("| Row | Ours, s | Peer, s | Ratio | Target | |\n|---|---|---|---|---|---|")
for name, peer, target in rows:
    ours = median.get(("ours", name))
    # The name of the peer's window class stands behind the row.
    theirs = next((v for (w, n), v in median.items() if peer and w == "peer" and n.startswith(peer)), None)
    if ours is None or (peer and theirs is None):
        continue
    value = ours / theirs if peer else ours
    said = f"{theirs:.3f} | {value:.2f} | {target}" if peer else f"- | - | {target} s"
    note = " (peer: .gz alone)" if peer and peer.startswith("alone") else ""
    print(f"| {name}{note} | {ours:.3f} | {said} | {'met' if value <= target else 'missed'} |")
PY
