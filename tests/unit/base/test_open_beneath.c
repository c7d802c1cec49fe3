/* Names that try to leave a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/open_beneath.h"

static char top[64];

static void at(char path[256], const char *name)
{
	(void)snprintf(path, 256, "%s/%s", top, name);
}

static void link_to(const char *target, const char *name)
{
	char path[256];

	at(path, name);
	assert_int_equal(symlink(target, path), 0);
}

static void file(const char *name)
{
	char path[256];
	int fd;

	at(path, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

static int setup(void **state)
{
	char path[256];

	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/moondial-beneath-XXXXXX");
	assert_non_null(mkdtemp(top));
	for (int i = 0; i < 3; i++) {
		static const char *const folders[] = {"root", "root/in", "out"};

		at(path, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	file("out/secret");
	file("root/in/here");
	link_to("root", "root-link");
	link_to("../out/secret", "root/leads-out");
	link_to("../out", "root/folder-out");
	link_to("/etc/passwd", "root/absolute");
	link_to("nowhere", "root/dangling");
	return 0;
}

/* As on a kernel that has no openat2(); from here to the end of the process. */
static int setup_old(void **state)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = 4, .filter = code};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		print_message("no filter here: the same way is taken twice\n");
	return setup(state);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* 0, or errno. */
static int try(const char *root, const char *name, int flags)
{
	char folder[256], path[512];
	int fd;

	at(folder, root);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open_beneath(path, strlen(folder), flags, 0600);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static void what_is_beneath_is_opened_also_through_a_linked_folder(void **state)
{
	(void)state;
	assert_int_equal(try("root", "in/here", O_RDONLY), 0);
	assert_int_equal(try("root", "in//here", O_RDONLY), 0);
	assert_int_equal(try("root-link", "in/here", O_RDONLY), 0);
	assert_int_equal(try("root", "in/new", O_WRONLY | O_CREAT), 0);
	assert_int_equal(try("root", "none", O_RDONLY), ENOENT);
	assert_int_equal(try("none", "here", O_RDONLY), ENOENT);
}

static void what_leads_out_is_not_opened(void **state)
{
	static const char *const names[] = {
		"leads-out",
		"folder-out/secret",
		"absolute",
		"../out/secret",
		"in/../../out/secret",
		"folder-out/../out",
		"in/../folder-out/secret",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(try("root", names[i], O_RDONLY), EXDEV);
		assert_int_equal(try("root-link", names[i], O_RDONLY), EXDEV);
	}
	assert_int_equal(try("root", "folder-out/made", O_WRONLY | O_CREAT),
			 EXDEV);
	assert_int_equal(try("root", "in/here/x", O_RDONLY), ENOTDIR);
}

static void without_a_folder_it_is_open(void **state)
{
	char path[256];
	int fd;

	(void)state;
	at(path, "root/leads-out");
	fd = open_beneath(path, 0, O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_beneath_is_opened_also_through_a_linked_folder),
		cmocka_unit_test(what_leads_out_is_not_opened),
		cmocka_unit_test(without_a_folder_it_is_open),
	};

	return cmocka_run_group_tests_name("as it is", tests, setup, teardown) +
	       cmocka_run_group_tests_name("without openat2()", tests,
					   setup_old, teardown);
}
