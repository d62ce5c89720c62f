/* /nginx-ingress of the stand-in: hands NET_BIND_SERVICE on to the interpreter that runs the controller.
 *
 * The real controller is one binary that carries the capability itself. Here the capability would be lost at the
 * exec of an interpreter that carries none, and with no_new_privs NGINX could not get it back from its own file; so
 * it is made ambient first. Carrying it (file capabilities) keeps the real one's refusal: without NET_BIND_SERVICE in
 * the container's bounding set, exec of this file fails with "Operation not permitted".
 */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words) {
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = { { 0 } };
    char *command[count + 3];

    if (syscall(SYS_capget, &header, data) != 0) { perror("capget"); return 1; }
    data[0].inheritable |= 1u << CAP_NET_BIND_SERVICE;
    if (syscall(SYS_capset, &header, data) != 0) { perror("capset"); return 1; }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) != 0) { perror("ambient"); return 1; }

    command[0] = "python3";
    command[1] = "-B"; /* no bytecode into a read-only root */
    command[2] = "/opt/controller/main.py";
    for (int at = 1; at <= count; at++) command[at + 2] = words[at];
    execv("/usr/bin/python3", command);
    perror("python3");
    return 1;
}
