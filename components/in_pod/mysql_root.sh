# shellcheck shell=bash
# Sourced: leaves in $options an option file for root's clients, which goes when the script ends.
#
# The password is never an argument, which `ps` would show.
. "$(dirname "$0")/mysql_files.sh"
umask 077
options=$(mktemp)
trap 'rm -f "$options"' EXIT
trap 'exit 1' HUP INT TERM
read_secret password mysql/root-password
# shellcheck disable=SC2154 # read_secret sets it
printf '[client]\nuser=root\npassword=%s\n' "$(option_text "$password")" >"$options"
