/* SPDX-License-Identifier: MIT
 * Tags of the tests of a header. Private to sieve. */
#pragma once

#include "sieve/word.h"

/* :all, :localpart, :domain (RFC 5228 2.7.4); :user, :detail (RFC 5233). */
extern const struct tag address_part_tags[];
