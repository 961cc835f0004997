/* SPDX-License-Identifier: MIT
 * Programs that include each other (RFC 6609 3.1): a walk through them with a stack of its own, which meets each once. */
#include <stdarg.h>
#include <string.h>

#include "sieve/compile.h"

struct visit {
	const struct sieve_program *program;
	const struct sieve_library *library; /* NULL: the one that all begins with */
	size_t next;                         /* of its includes */
	unsigned height;                     /* of what is below it, as far as that is known */
};

struct linker {
	const struct sieve_library *library;
	size_t n_library;
	struct sieve_errors *errors;
	struct visit stack[SIEVE_INCLUDE_DEPTH_MAX + 1];
	unsigned depth; /* of the top */
	struct {
		const struct sieve_library *library;
		unsigned height;
	} done[SIEVE_INCLUDES_MAX];
	unsigned n_done;
	bool is_full;
};

/* Said of the line of the first script that leads there. */
static void say(struct linker *linker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct linker *linker, const char *format, ...)
{
	const struct visit *first = &linker->stack[0];
	struct position at = { first->program->includes[first->next - 1].line, 1 };
	va_list arguments;

	va_start(arguments, format);
	errors_add(linker->errors, false, at, format, arguments);
	va_end(arguments);
}

/* Where an include stands, for messages. */
#define AT(visit, include)                                                                \
	SPAN((visit)->library != NULL ? (visit)->library->name : span_of("this script")), \
	    (include)->line

static bool is_open(const struct linker *linker, const struct sieve_library *library)
{
	for (unsigned i = 0; i <= linker->depth; i++) {
		if (linker->stack[i].library == library ||
		    linker->stack[i].program == library->program) {
			return true;
		}
	}
	return false;
}

/* How deep what a script includes goes, if it has been walked through. */
static bool is_done(
    const struct linker *linker, const struct sieve_library *library, unsigned *height_r)
{
	for (unsigned i = 0; i < linker->n_done; i++) {
		if (linker->done[i].library == library) {
			*height_r = linker->done[i].height;
			return true;
		}
	}
	*height_r = 0;
	return false;
}

static void raise_height(struct visit *visit, unsigned height)
{
	if (visit->height < height) {
		visit->height = height;
	}
}

static void follow(struct linker *linker, struct visit *visit, const struct sieve_include *include)
{
	const struct sieve_library *found =
	    sieve_library_find(linker->library, linker->n_library, include->place, include->name);
	unsigned height;
	bool was_walked;

	if (found == NULL) {
		if (!include->is_optional) {
			say(linker,
			    "%.*s, line %u: there is no script \"%.*s\" to include; upload it, or "
			    "write :optional",
			    AT(visit, include), SPAN(include->name));
		}
		return;
	}
	if (is_open(linker, found)) {
		if (include->is_once) {
			return;
		}
		say(linker,
		    "%.*s, line %u: script \"%.*s\" would include itself; take this include out",
		    AT(visit, include), SPAN(include->name));
		return;
	}
	was_walked = is_done(linker, found, &height);
	if (linker->depth + 1 + height > SIEVE_INCLUDE_DEPTH_MAX) {
		say(linker,
		    "%.*s, line %u: script \"%.*s\" is included too deep; %d scripts may be in "
		    "each other",
		    AT(visit, include), SPAN(include->name), SIEVE_INCLUDE_DEPTH_MAX);
	} else if (was_walked) {
		raise_height(visit, height + 1);
	} else {
		linker->stack[++linker->depth] = (struct visit){ found->program, found, 0, 0 };
	}
}

/* All that a script includes has been walked through. */
static void leave(struct linker *linker, const struct visit *visit)
{
	raise_height(&linker->stack[linker->depth - 1], visit->height + 1);
	linker->depth--;
	if (linker->n_done < SIEVE_INCLUDES_MAX) {
		linker->done[linker->n_done].library = visit->library;
		linker->done[linker->n_done++].height = visit->height;
	} else {
		say(linker, "more than %d scripts are included; include fewer", SIEVE_INCLUDES_MAX);
		linker->is_full = true;
	}
}

int sieve_link(const struct sieve_program *program, const struct sieve_library *library,
    size_t n_library, struct sieve_errors *errors_r)
{
	struct linker linker;

	errors_r->n = errors_r->n_errors = 0;
	if (program->n_includes == 0) {
		return 0;
	}
	linker = (struct linker){ library, n_library, errors_r, { { program } } };
	while (!linker.is_full && errors_r->n_errors <= SIEVE_ERRORS_MAX) {
		struct visit *visit = &linker.stack[linker.depth];

		if (visit->next < visit->program->n_includes) {
			follow(&linker, visit, &visit->program->includes[visit->next++]);
		} else if (linker.depth > 0) {
			leave(&linker, visit);
		} else {
			break;
		}
	}
	return errors_r->n_errors > 0;
}
