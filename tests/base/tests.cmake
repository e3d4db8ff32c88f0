# Builds that must go red.
sabotage(left_in_cores src/base/memory.c base/memory memory__kept_private_goes_into_no_core
  BY "s/prctl(PR_SET_DUMPABLE, 0) == 0/1/")
sabotage(room_for_more src/base/memory.c base/memory arena__stops_at_its_budget
  BY "s|arena->left -= size|arena->left -= size / 2|")
sabotage(compared_in_a_hurry src/base/bytes.c base/bytes bytes__equal_looks_at_everything
  BY "s/return sodium_memcmp(a, b, size) == 0/return memcmp(a, b, size) == 0/")
sabotage(compared_by_bytes src/base/bytes.c base/bytes bytes__equal_looks_at_everything
  BY "s/return sodium_memcmp(a, b, size) == 0/return size == 0 || (*(uint8_t *)a == *(uint8_t *)b \\&\\& bytes_equal((uint8_t *)a + 1, (uint8_t *)b + 1, size - 1))/")
sabotage(rekeyed_unread src/base/store.c base/home home__a_rotation_may_end_anywhere
  BY "s/return err ? err : check_rekeyed(path, fresh, schema)/return err/")
