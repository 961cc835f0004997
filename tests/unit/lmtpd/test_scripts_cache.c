/* SPDX-License-Identifier: MIT
 * Which scripts are compiled anew, which are kept and for how long, and which are left alone for a while. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lmtpd/scripts_limit.h"
#include "tests/unit/unit.h"

/* Of the linker's --wrap: files that were just made are old, unless a test says otherwise. */
int __real_clock_gettime(clockid_t clock, struct timespec *time_r);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time_r);
ssize_t __real_pread64(int fd, void *bytes, size_t n, off_t at);
ssize_t __wrap_pread64(int fd, void *bytes, size_t n, off_t at);

static time_t later = 3600;
static const char *changing; /* appended to by somebody else, whenever it is read */
static unsigned n_changes;   /* left */
static int read_error;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time_r)
{
	int result = __real_clock_gettime(clock, time_r);

	time_r->tv_sec += later;
	return result;
}

ssize_t __wrap_pread64(int fd, void *bytes, size_t n, off_t at)
{
	if (changing != NULL && n_changes > 0) {
		FILE *file = fopen(changing, "a");

		n_changes--;
		assert_non_null(file);
		fputs("keep;\n", file);
		fclose(file);
	}
	if (read_error != 0) {
		errno = read_error;
		return -1;
	}
	return __real_pread64(fd, bytes, n, at);
}

static int set_up(void **state)
{
	later = 3600;
	changing = NULL;
	read_error = 0;
	return place_set_up(state, "test.sieve");
}

static void write_script(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int get_by(struct script_cache *cache, const char *path, int flags, struct script **script_r)
{
	int fd = open(path, flags | O_CLOEXEC), result;

	assert_true(fd >= 0);
	result = script_cache_get(cache, fd, script_r);
	close(fd);
	return result;
}

static int get(struct script_cache *cache, const char *path, struct script **script_r)
{
	return get_by(cache, path, O_RDONLY, script_r);
}

static bool has_changed_at(const char *path, const struct timespec *time)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_ctim.tv_sec == time->tv_sec && status.st_ctim.tv_nsec == time->tv_nsec;
}

static size_t count(struct script_cache *cache)
{
	size_t bytes, n = script_cache_count(cache, &bytes);

	assert_true((n == 0) == (bytes == 0));
	return n;
}

static void test_same(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *first, *second, *third;
	char other[300];

	write_script(place->file, "keep;\n");
	assert_int_equal(get(cache, place->file, &first), 0);
	assert_non_null(first->program);
	assert_null(first->errors);
	assert_int_equal(get(cache, place->file, &second), 0);
	assert_ptr_equal(first, second);
	assert_int_equal(count(cache), 1);
	/* The same name, another file: what ManageSieve does. */
	snprintf(other, sizeof(other), "%s.new", place->file);
	write_script(other, "stop;\n");
	assert_int_equal(rename(other, place->file), 0);
	assert_int_equal(get(cache, place->file, &third), 0);
	assert_ptr_not_equal(first, third);
	assert_int_equal(count(cache), 2);
	script_cache_put(cache, first);
	script_cache_put(cache, second);
	script_cache_put(cache, third);
	assert_int_equal(count(cache), 2);
	script_cache_free(cache);
}

/* One that is kept is found by its path alone; another one must be read, and so must one that was changed since. */
static void test_path(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *first, *second;
	struct stat status;

	write_script(place->file, "keep;\n");
	assert_int_equal(get_by(cache, place->file, O_PATH, &first), -EBADF);
	assert_null(first);
	assert_int_equal(get(cache, place->file, &first), 0);
	assert_int_equal(get_by(cache, place->file, O_PATH, &second), 0);
	assert_ptr_equal(first, second);
	script_cache_put(cache, first);
	script_cache_put(cache, second);
	write_script(place->file, "keep; stop;\n");
	assert_int_equal(get_by(cache, place->file, O_PATH, &first), -EBADF);
	assert_int_equal(get(cache, place->file, &first), 0);
	script_cache_put(cache, first);
	/* Nobody may read it any longer: its status has changed. */
	assert_int_equal(stat(place->file, &status), 0);
	do {
		assert_int_equal(chmod(place->file, 0), 0);
	} while (has_changed_at(place->file, &status.st_ctim));
	assert_int_equal(get_by(cache, place->file, O_PATH, &first), -EBADF);
	assert_int_equal(get_by(cache, place->directory, O_PATH, &first), SCRIPT_NO_FILE);
	script_cache_free(cache);
}

static void test_broken(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *first, *second;

	write_script(place->file, "keep;\nfileinto \"a\";\n");
	assert_int_equal(get(cache, place->file, &first), 0);
	assert_null(first->program);
	assert_non_null(first->errors);
	assert_int_equal(first->errors->list[0].line, 2);
	assert_int_equal(get(cache, place->file, &second), 0);
	assert_ptr_equal(first, second);
	script_cache_put(cache, first);
	script_cache_put(cache, second);
	script_cache_free(cache);
}

/* Two changes within a tick of the clock look alike: what was just written is not kept. */
static void test_fresh(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *script;

	later = 0;
	write_script(place->file, "keep;\n");
	assert_int_equal(get(cache, place->file, &script), 0);
	assert_non_null(script->program);
	assert_int_equal(count(cache), 0);
	script_cache_put(cache, script);
	script_cache_free(cache);
}

static void test_no_script(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *script;
	char pipe[300];
	int fd;

	assert_int_equal(get(cache, place->directory, &script), SCRIPT_NO_FILE);
	snprintf(pipe, sizeof(pipe), "%s.pipe", place->file);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	fd = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(script_cache_get(cache, fd, &script), SCRIPT_NO_FILE);
	close(fd);
	write_script(place->file, "keep;\n");
	assert_int_equal(truncate(place->file, SIEVE_SCRIPT_MAX), 0);
	assert_int_equal(get(cache, place->file, &script), 0); /* it has NULs, and is read */
	assert_null(script->program);
	script_cache_put(cache, script);
	assert_int_equal(truncate(place->file, SIEVE_SCRIPT_MAX + 1), 0);
	assert_int_equal(get(cache, place->file, &script), SCRIPT_TOO_LONG);
	script_cache_free(cache);
}

static void test_changing(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *script;

	write_script(place->file, "keep;\n");
	changing = place->file;
	n_changes = 2;
	assert_int_equal(get(cache, place->file, &script), 0);
	assert_int_equal(script->key.size, 3 * strlen("keep;\n"));
	script_cache_put(cache, script);
	write_script(place->file, "stop;\n");
	n_changes = 100;
	assert_int_equal(get(cache, place->file, &script), -EAGAIN);
	changing = NULL;
	write_script(place->file, "discard;\n");
	read_error = EIO;
	assert_int_equal(get(cache, place->file, &script), -EIO);
	script_cache_free(cache);
}

/* Those that were not used for longest go first, and what is in use stays. */
static void test_room(void **state)
{
	struct place *place = *state;
	struct script_cache *cache = script_cache_new(1 << 20);
	struct script *used, *script, *again;
	char path[300];
	size_t bytes, max;

	write_script(place->file, "keep;\n");
	assert_int_equal(get(cache, place->file, &used), 0);
	script_cache_count(cache, &max);
	script_cache_put(cache, used);
	script_cache_free(cache);
	max *= 10;
	cache = script_cache_new(max);
	assert_int_equal(get(cache, place->file, &used), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "%s.%u", place->file, i);
		write_script(path, "if true { keep; }\n");
		assert_int_equal(get(cache, path, &script), 0);
		script_cache_put(cache, script);
		script_cache_count(cache, &bytes);
		assert_true(bytes <= max);
	}
	assert_true(count(cache) > 1 && count(cache) < 20);
	assert_int_equal(get(cache, place->file, &again), 0);
	assert_ptr_equal(used, again);
	assert_int_equal(get(cache, path, &again), 0);
	assert_ptr_equal(script, again); /* the last one is there */
	script_cache_put(cache, again);
	script_cache_put(cache, used);
	script_cache_put(cache, used);
	script_cache_free(cache);
}

struct crowd {
	struct script_cache *cache;
	const char *path;
};

static void *run_crowd(void *data)
{
	struct crowd *crowd = data;

	for (unsigned i = 0; i < 500; i++) {
		struct script *script;

		if (get(crowd->cache, crowd->path, &script) != 0 || script->program == NULL) {
			return crowd;
		}
		script_cache_put(crowd->cache, script);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct place *place = *state;
	struct crowd crowd = { script_cache_new(0),
		place->file }; /* no room: what is put back goes */
	pthread_t threads[4];
	void *failed;

	write_script(place->file, "keep;\n");
	for (size_t i = 0; i < LENGTH(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run_crowd, &crowd), 0);
	}
	for (size_t i = 0; i < LENGTH(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(count(crowd.cache), 0);
	script_cache_free(crowd.cache);
}

static struct script_limit limit;

static void test_limit(void **state)
{
	const struct script_key a = { .inode = 1 }, b = { .inode = 1, .size = 1 };

	memset(&limit, 0, sizeof(limit));
	assert_false(script_limit_count(&limit, &a, 1000));
	assert_false(script_limit_count(&limit, &a, 2000));
	assert_false(script_limit_is_off(&limit, &a, 2000));
	assert_false(script_limit_count(&limit, &b, 2000));
	assert_true(script_limit_count(&limit, &a, 4599));
	assert_true(script_limit_is_off(&limit, &a, 4599));
	assert_true(script_limit_is_off(&limit, &a, 4599 + 3599));
	assert_false(script_limit_is_off(&limit, &a, 4599 + 3600));
	assert_false(script_limit_is_off(&limit, &b, 4599));
	/* A run that was under way says so once more, and that changes nothing. */
	assert_false(script_limit_count(&limit, &a, 4600));
	/* Once an hour is never too often. */
	for (time_t now = 10000; now < 50000; now += 3600) {
		assert_false(script_limit_count(&limit, &b, now));
	}
}

static void test_limit_is_bounded(void **state)
{
	const struct script_key a = { .inode = 999999 };

	memset(&limit, 0, sizeof(limit));
	for (ino_t i = 1; i <= (ino_t)10 * SCRIPT_LIMIT_MAX; i++) {
		const struct script_key key = { .inode = i };

		for (unsigned n = 1; n <= SCRIPT_LIMIT_TIMES; n++) {
			assert_int_equal(
			    script_limit_count(&limit, &key, (time_t)i), n == SCRIPT_LIMIT_TIMES);
		}
		assert_true(script_limit_is_off(&limit, &key, (time_t)i));
	}
	/* The oldest has made room. */
	assert_false(script_limit_is_off(&limit, &(struct script_key){ .inode = 1 }, 2600));
	assert_false(script_limit_is_off(&limit, &a, 2600));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_path, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_fresh, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_no_script, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_changing, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_room, set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(test_threads, set_up, place_tear_down),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
