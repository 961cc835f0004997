/* SPDX-License-Identifier: MIT
 * System calls of the library under test, wrapped by the linker: any of them can fail, and what was
 * done is written down in its order. Nothing is wrapped outside of faults_begin() .. faults_end(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum fault_call {
	FAULT_WRITE,
	FAULT_FSYNC,
	FAULT_LINKAT,
	FAULT_MKDIRAT,
	FAULT_OPEN,
	FAULT_OPENAT,
	FAULT_OPENAT2,
	FAULT_STATX,
	FAULT_PREAD,
	FAULT_RENAMEAT2,
	FAULT_FSTAT,
	FAULT_IOCTL,
	FAULT_WRITE_OUT,
	FAULT_RENAMEAT,
	FAULT_OPENDIR,
	FAULT_READDIR,
	FAULT_TSEARCH,
	FAULT_FLOCK,
	FAULT_FCHMOD,
	FAULT_FUTIMENS,
	FAULT_MALLOC,
	FAULT_NANOSLEEP,
	FAULT_STATAT,
	FAULT_CALLOC,
	FAULT_FTRUNCATE,
	FAULT_CALLS
};

/* How the filesystem is. */
struct faults {
	enum fault_call call; /* that fails */
	int error;
	uint64_t mask;         /* at which of its calls: bit 0 is the first; all ones: always */
	long age;              /* seconds that directories are older than they are */
	bool has_no_tmpfile;   /* O_TMPFILE is refused */
	bool has_no_links;     /* linkat is refused: EPERM */
	bool has_one_link;     /* a file can have one name: EMLINK for the second */
	bool has_devices;      /* each mailbox of a delivery lies on its own filesystem */
	bool has_projects;     /* each directory that is opened belongs to the other of two */
	bool has_lost_reply;   /* a name is made, and linkat says that it was there */
	bool has_realtime;     /* files are made on XFS's realtime device */
	bool has_no_noreplace; /* renameat2 cannot promise that: EINVAL */
	bool has_no_birth;     /* statx does not know when a directory was made */
	bool has_one_inode;    /* each directory lies on its own filesystem, under the same inode */
	bool has_no_types;     /* readdir does not know what its names are */
	bool has_endless_names; /* readdir gives the last name of a directory for ever */
	bool reads_nothing;     /* a file is shorter than what was written to it */
	bool writes_slowly;     /* few bytes at a time, and EINTR in between */
	bool syncs;             /* for real; else fsync costs no time */
	bool sleeps;            /* for real; else nanosleep costs no time either */
	void (*on_sleep)(void);
	void (*on_fsync)(int fd);
	void (*on_write)(int fd);
};

/* One call that was made. */
struct fault_event {
	enum fault_call call;
	bool is_done; /* it succeeded */
	ino_t inode;  /* of the file or directory it was made on; of a name: of its directory */
	ino_t source; /* of a name: of the file that got it */
};

enum {
	FAULT_EVENTS_MAX = 4096
};

extern struct fault_event fault_events[FAULT_EVENTS_MAX];
extern size_t n_fault_events;

void faults_begin(const struct faults *faults);

/* Returns how often the call was made to fail. */
unsigned faults_end(void);

unsigned fault_slept(void); /* ms since faults_begin(), by nanosleep */

unsigned fault_count(enum fault_call call); /* of calls made since faults_begin() */
