/* How many bytes a row takes on the wire; for cutting sets into parts. */
#ifndef PROTOCOL_ENCODE_H
#define PROTOCOL_ENCODE_H

#include "protocol/table.h"

size_t encode_row_size(const struct record *record, const void *row);

#endif
