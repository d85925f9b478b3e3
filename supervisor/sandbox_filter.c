/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the filter. The list of what is refused is what systemd's @system-service does
 * not have: clocks, debugging, modules, mounts, obsolete and privileged calls, raw I/O,
 * reboot and swap. A list of what is allowed would be safer, but would break programs
 * that nobody here has seen; so calls above the newest one we know are refused as well.
 */
#include "supervisor/sandbox_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/cleanup.h"

#if defined(__x86_64__) && defined(__LP64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define FOREIGN_BIT 0x40000000U /* x32 calls have it in their number */
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

/* The newest call that has been looked at: futex_requeue. Above it came ways to mount,
 * to set attributes, to trace. */
#define NEWEST_CALL 456

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define NEW_NAMESPACES                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	    CLONE_NEWPID | CLONE_NEWNET)

static const uint16_t refused[] = {
	/* Clocks. */
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_clock_settime,
	SYS_settimeofday,
	/* Other processes and the kernel, looked into. */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_getfd,
	SYS_kcmp,
	SYS_perf_event_open,
	SYS_lookup_dcookie,
	SYS_bpf,
	SYS_userfaultfd,
	SYS_syslog,
	/* Code in the kernel, and its end. */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	/* Mounts, roots, namespaces. */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_mount_setattr,
	SYS_setns,
	SYS_unshare,
	SYS_open_by_handle_at,
	SYS_fanotify_init,
	/* The machine's own settings. */
	SYS_acct,
	SYS_quotactl,
	SYS_quotactl_fd,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_vhangup,
	SYS_nfsservctl,
	/* System calls that no filter sees. */
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef __x86_64__
	SYS_ioperm,
	SYS_iopl,
	SYS_modify_ldt,
	SYS_uselib,
	SYS_ustat,
	SYS_sysfs,
	SYS__sysctl,
	SYS_create_module,
	SYS_get_kernel_syms,
	SYS_query_module,
	SYS_getpmsg,
	SYS_putpmsg,
	SYS_afs_syscall,
	SYS_tuxcall,
	SYS_security,
	SYS_vserver,
#endif
};

/* How a socket could be had from where the filter does not look. */
static const uint16_t ways_to_sockets[] = { SYS_io_uring_setup, SYS_io_uring_enter,
	SYS_io_uring_register, SYS_pidfd_getfd, SYS_ptrace, SYS_process_vm_writev };

struct program {
	struct sock_filter *next, *end;
};

static void
add(struct program *program, uint16_t code, uint32_t k, uint8_t if_true,
    uint8_t if_false)
{
	if (program->next < program->end)
		*program->next = (struct sock_filter){ code, if_true, if_false, k };
	program->next++;
}

static void
load(struct program *program, size_t offset)
{
	add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
fail(struct program *program, uint32_t error)
{
	add(program, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error, 0, 0);
}

static void
allow(struct program *program)
{
	add(program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

#define IF(test) (BPF_JMP | BPF_K | (test))

static void
refuse_call(struct program *program, uint32_t number, uint32_t error)
{
	add(program, IF(BPF_JEQ), number, 0, 1);
	fail(program, error);
}

static void
refuse_all(struct program *program, const uint16_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		refuse_call(program, numbers[i], EPERM);
}

#ifdef NATIVE_ARCH
/* The low half of an argument: both machines are little-endian, and what is compared
 * here is an int or small to the kernel, too. */
static void
load_argument(struct program *program, size_t index)
{
	load(program, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
}

static void
begin(struct program *program)
{
	load(program, offsetof(struct seccomp_data, arch));
	add(program, IF(BPF_JEQ), NATIVE_ARCH, 1, 0);
	fail(program, EPERM);
	load(program, offsetof(struct seccomp_data, nr));
#ifdef FOREIGN_BIT
	add(program, IF(BPF_JGE), FOREIGN_BIT, 0, 1);
	fail(program, ENOSYS);
#endif
}

/* New namespaces: flags of clone(2) can be seen, those of clone3(2) cannot, and the C
 * library takes the other one when it is not there. */
static void
refuse_namespaces(struct program *program)
{
	refuse_call(program, SYS_clone3, ENOSYS);
	add(program, IF(BPF_JEQ), SYS_clone, 0, 4);
	load_argument(program, 0);
	add(program, IF(BPF_JSET), NEW_NAMESPACES, 0, 1);
	fail(program, EPERM);
	allow(program);
}

/* Typing into somebody's terminal. */
static void
refuse_terminal_input(struct program *program)
{
	add(program, IF(BPF_JEQ), SYS_ioctl, 0, 5);
	load_argument(program, 1);
	add(program, IF(BPF_JEQ), TIOCSTI, 1, 0);
	add(program, IF(BPF_JEQ), TIOCLINUX, 0, 1);
	fail(program, EPERM);
	allow(program);
}

static void
refuse_sockets(struct program *program)
{
	add(program, IF(BPF_JEQ), SYS_socket, 1, 0);
	add(program, IF(BPF_JEQ), SYS_socketpair, 0, 4);
	load_argument(program, 0);
	add(program, IF(BPF_JEQ), AF_UNIX, 1, 0);
	fail(program, EAFNOSUPPORT);
	allow(program);
}

static void
refuse_for_service(struct program *program)
{
	add(program, IF(BPF_JGT), NEWEST_CALL, 0, 1);
	fail(program, ENOSYS);
	refuse_all(program, refused, ARRAY_SIZE(refused));
	refuse_namespaces(program);
	refuse_terminal_input(program);
}

int
sandbox_filter_make(
    bool seccomp, bool no_network, struct sock_filter ret_filter[SANDBOX_FILTER_MAX])
{
	struct program program = { ret_filter, ret_filter + SANDBOX_FILTER_MAX };

	if (!seccomp && !no_network)
		return 0;
	begin(&program);
	if (no_network) {
		refuse_sockets(&program);
		refuse_all(&program, ways_to_sockets, ARRAY_SIZE(ways_to_sockets));
	}
	if (seccomp)
		refuse_for_service(&program);
	allow(&program);
	return program.next > program.end ? -E2BIG : (int)(program.next - ret_filter);
}
#else
int
sandbox_filter_make(
    bool seccomp, bool no_network, struct sock_filter ret_filter[SANDBOX_FILTER_MAX])
{
	(void)ret_filter;
	return seccomp || no_network ? -ENOSYS : 0;
}
#endif
