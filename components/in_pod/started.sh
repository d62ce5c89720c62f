#!/bin/sh
# Startup probe of a node: it listens on 9443, so it has joined the cluster, and every CAR file of LIST is deployed.
#
#   started.sh HOME LIST [FOLDER OF tcp AND tcp6] [FILE FOR THE LAST WORDS]
#
# LIST: a line for each CAR, its file name, a tab, and the name of the application in it. EI deploys CARs one by one
# before it opens its ports, and reports neither a faulty one nor one that it ignores in any other way than in its log
# (wso2/carbon-kernel, ApplicationManager, the same from v4.4.26 to v4.5.3). A faulty CAR ends the container, with the
# reason as its last words: a node without it must not become ready, nor run the tasks of the others.
# Runs in the EI image, which may have neither bash nor awk.
set -u
home=$1
list=$2
log=$home/repository/logs/wso2carbon.log
proc=${3:-/proc/net}
last_words=${4:-/dev/termination-log}

# 9443 in hexadecimal, by any peer, in state LISTEN.
if ! cat "$proc/tcp" "$proc/tcp6" 2>/dev/null | grep -q ':24E3 [0-9A-F]*:0000 0A'; then
    echo "9443 is not open yet"
    exit 1
fi
[ -s "$list" ] || exit 0
if [ ! -f "$log" ]; then
    echo "there is no $log, in which EI says whether CAR files were deployed"
    exit 1
fi
# A log that outlives the container holds earlier starts too.
start=$(grep -n 'Starting WSO2 Carbon' "$log" | tail -n 1 | cut -d: -f1)
quoted() { printf '%s' "$1" | sed 's/[][\.*^$/]/\\&/g'; }
tab=$(printf '\t')
tail -n "+${start:-1}" "$log" | {
    said=$(grep -E 'Carbon Application|carbon application|cApp|[A-Za-z]Exception|Caused by' | cut -c1-600)
    while IFS=$tab read -r file app; do
        # A file that somebody has taken out of the shared folder meanwhile is not missed.
        [ -f "$home/repository/deployment/server/carbonapps/$file" ] || continue
        if printf '%s\n' "$said" | grep -q "Successfully Deployed Carbon Application : $(quoted "$app") *{"; then
            continue
        fi
        of_file=$(printf '%s\n' "$said" | sed -n "/Deploying Carbon Application : $(quoted "$file")\.\.\./,\$p" |
            sed -e '1d' -e '/Deploying Carbon Application : /,$d')
        fault=$(printf '%s\n' "$of_file" | grep -m 1 -E \
            'Error occurred while deploying Carbon Application|Error while deploying (carbon application|stored cApp)|Some dependencies in cApp|Ignoring Carbon Application')
        if [ -z "$fault" ]; then
            echo "waits for $file: EI has not said yet that $app is deployed"
            exit 1
        fi
        cause=$(printf '%s\n' "$of_file" | grep -E '^Caused by|^[A-Za-z0-9_.$]+Exception' | tail -n 1)
        reason="EI did not deploy $file: $(printf '%s' "$fault" | sed 's/^.*} - *//')${cause:+: $cause}"
        echo "$reason"
        echo "$reason" >"$last_words"
        sh "$home/bin/integrator.sh" stop >/dev/null 2>&1
        exit 1
    done <"$list"
}
