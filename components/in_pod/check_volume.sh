#!/bin/sh
# Fails a pod, with one line that names the fix, when the pod's user has no access to its volume.
#
#   check_volume.sh FOLDER read|write FIX
#
# Without this check the server itself would fail later, with an error that names neither the volume nor its owner.
set -eu
folder=$1
need=$2
fix=$3
if [ "$need" = write ]; then
    # Creating a folder also detects what the mode does not show: a squashed user, a read-only mount, a full disk.
    if output=$(mktemp -d "$folder/.check-volume-XXXXXX" 2>&1); then
        rmdir "$output"
        exit 0
    fi
elif output=$(ls -A "$folder" 2>&1 >/dev/null); then
    exit 0
fi
owner=$(stat -c 'owner %u:%g, mode %a' "$folder" 2>&1) || true
echo "check-volume: uid $(id -u) cannot $need this volume ($owner): $output. $fix" >&2
exit 1
