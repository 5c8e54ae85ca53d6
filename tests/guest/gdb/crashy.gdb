# SPDX-License-Identifier: GPL-2.0-or-later
# What the case 61-debug has gdb do with the FM crashy of a card in a guest. The runner has attached: the FM has stopped at
# the first instruction of a call, which is "add 2 3". Two calls "crash" follow: the first is mended, the second is not.
set confirm off
set width 0
# Calls before this one have left a 5 there, too.
set variable slots[0].result = 0
watch slots[0].result
continue
if slots[0].result == 5
  printf "ok a watchpoint stops the FM at the result\n"
else
  printf "not ok at the watchpoint the result is %d\n", slots[0].result
end
delete
break *snprintf
continue
if $a3 == 5
  printf "ok a breakpoint stops it on the way to the reply\n"
else
  printf "not ok at the breakpoint the result is %d\n", $a3
end
set variable $a3 = 99
delete
continue
if slot == 0
  printf "ok a fault stops it at the null pointer\n"
else
  printf "not ok at the fault slot is %p\n", slot
end
bt
set variable $a0 = &slots[0]
signal 0
printf "ok the next call faults too\n"
continue
