# shellcheck shell=bash
# Sourced: writes an option file with root's password, $options, which is deleted when the script exits.
#
# A password as an argument would be visible in the process list.
. "$(dirname "$0")/mysql_files.sh"
umask 077
options=$(mktemp)
trap 'rm -f "$options"' EXIT
trap 'exit 1' HUP INT TERM
read_secret password mysql/root-password
# shellcheck disable=SC2154 # read_secret sets it
printf '[client]\nuser=root\npassword=%s\n' "$(option_text "$password")" >"$options"
