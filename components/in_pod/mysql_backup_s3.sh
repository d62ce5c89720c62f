#!/bin/sh
# Copies backups between the pod's volume and a bucket, with rclone: `upload` or `fetch`.
#
# A backup is NAME/wso2ei.sql.gz and its .sha256 below S3_FOLDER, and counts when both exist. The dump is written first
# and the checksum removed first, so a Job that is killed leaves earlier backups valid, and no part of one that counts.
#
# For the sh, date, sed, sha256sum, sort, uniq and grep of rclone's image, which are those of busybox.
set -eu
umask 077
verb=$1
backups=${BACKUPS:-/backups}
rendered=${RENDERED:-/run/rendered}
keys=${SECRETS:-/run/secrets}/bucket
root=bucket:${S3_FOLDER:?}
dump=wso2ei.sql.gz
program=mysql_backup_s3

# fail REASON: ends the program; the end of its log is the pod's termination message.
fail() {
    echo "$program: $1" >&2
    exit 1
}

# access_key FILE: prints one part of the access key.
access_key() {
    value=$(cat "$keys/$1") || fail "the Secret of the bucket has no key $1"
    case $value in
        '' | *[!A-Za-z0-9_=./+-]*) fail "the key $1 of the bucket's Secret is empty, or has other characters than letters, digits and _=./+-" ;;
    esac
    echo "$value"
}

# remote VERB ARGUMENT...: runs rclone; fails with its reason in $reason and its exit code in $code.
remote() {
    code=0
    rclone "$@" --config "$rendered/rclone.conf" ${S3_CA:+--ca-cert "$S3_CA"} --contimeout 15s --low-level-retries 3 \
        2>"$rendered/error" || code=$?
    cat "$rendered/error" >&2
    reason=$(sed 's|^[0-9/]* [0-9:]* [A-Z]* *: ||' "$rendered/error" | tail -n 1)
    return "$code"
}

# list_backups: $names has a line for each backup, the oldest first; $rests the names of which only one object exists.
list_backups() {
    # 3: there is no such folder. Objects are all there is, so one without backups does not exist.
    remote lsf --recursive --files-only "$root" >"$rendered/objects" || [ "$code" -eq 3 ] ||
        fail "the objects of ${S3_FOLDER} cannot be listed: $reason"
    sed -n "s|^\([0-9]\{8\}T[0-9]\{6\}Z\)/$dump\$|\1|p; s|^\([0-9]\{8\}T[0-9]\{6\}Z\)/$dump\.sha256\$|\1|p" \
        "$rendered/objects" | sort >"$rendered/names"
    names=$(uniq -d "$rendered/names")
    rests=$(uniq -u "$rendered/names")
}

# older NAME DAYS: NAME is the time of more than DAYS ago.
older() {
    limit=$(date -u -d "@$(($(date +%s) - $2 * 86400))" +%Y%m%d%H%M%S)
    [ "$(echo "$1" | sed 's/[TZ]//g')" -lt "$limit" ]
}

# remove NAME: without the right to delete, as of a bucket that nothing is removed from, the log alone has the reason.
remove() {
    if remote delete --include "$dump.sha256" "$root/$1" && remote delete "$root/$1"; then
        echo "$program: removed $1"
    else
        echo "$program: $1 is not removed: $reason"
    fi
}

upload() {
    name=$(cd "$backups" && ls -d [0-9]*Z)
    for file in "$dump" "$dump.sha256"; do
        remote copyto --immutable "$backups/$name/$file" "$root/$name/$file" ||
            fail "the upload of $name failed, earlier backups are unchanged: $reason"
    done
    echo "$program: $name is in the bucket"
    list_backups
    count=0
    for name in $(echo "$names" | sort -r); do
        count=$((count + 1))
        if [ "$count" -gt "${KEEP:?}" ] || { [ "$count" -gt 1 ] && [ -n "${KEEP_DAYS:-}" ] && older "$name" "$KEEP_DAYS"; }; then
            remove "$name"
        fi
    done
    # Of a Job that was killed, unless one is just writing it.
    for name in $rests; do
        ! older "$name" 1 || remove "$name"
    done
}

fetch() {
    from=${FROM:-latest}
    list_backups
    [ -n "$names" ] || fail "the bucket has no backup below $S3_FOLDER"
    every=$(echo "$names" | tr '\n' ' ' | sed 's/ $//')
    [ "$from" != latest ] || from=$(echo "$names" | tail -n 1)
    echo "$names" | grep -Fxq "$from" || fail "the bucket has no backup $from; FROM is latest or one of: $every"
    echo "$program: fetching $from"
    for file in "$dump" "$dump.sha256"; do
        remote copyto "$root/$from/$file" "$backups/$from/$file" || fail "$from cannot be fetched, nothing was changed: $reason"
    done
    (cd "$backups/$from" && sha256sum -c "$dump.sha256" >/dev/null 2>&1) ||
        fail "$from is damaged, nothing was changed. Fix: set FROM to another one of: $every"
}

id=$(access_key access-key-id)
key=$(access_key secret-access-key)
# A bucket that does not exist is a mistake: without the last option rclone would create it.
printf '%s\n' '[bucket]' 'type = s3' 'provider = Other' "endpoint = ${S3_ENDPOINT:?}" "region = ${S3_REGION:?}" \
    "access_key_id = $id" "secret_access_key = $key" 'no_check_bucket = true' >"$rendered/rclone.conf"
"$verb"
