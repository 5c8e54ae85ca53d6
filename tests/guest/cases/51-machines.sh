# SPDX-License-Identifier: GPL-2.0-or-later
# The driver in machines of several kinds: processors, interrupts, IOMMU, bounce buffers, many cards. In each the card
# answers requests from every processor, plays its events, is reset in all ways, and is taken away and put back.
# options: --add build/tests/ioctl_test
# vm stock: --smp 1
# vm stock: --smp 4 --card-opt vectors=3
# vm stock: --smp 2 --card-opt vectors=1
# vm stock: --smp 2 --card-opt vectors=2
# vm: --smp 4 --card-opt msix=off
# vm stock: --smp 2 --card-opt msix=off --card-opt msi=off --cards 5
# vm: --smp 2 --iommu
# vm stock: --smp 2 --append swiotlb=force
# vm stock: --smp 8 --cards 8 --memory 1G
# vm stock: --smp 16
. /guest/lib.sh

ioctl_test() { ./ioctl_test --node "$1" --card "/machine/peripheral/$2" request reset busy-reset; }

echo "# $(grep -c ^processor /proc/cpuinfo) processors, $(sysfs interrupts) interrupts, $(sysfs rings) rings"
entries=0
for size in $(sed -n 's/^RING[0-9]*_SIZE *//p' /sys/kernel/debug/k7hsm/k7pf0/registers); do
	entries=$((entries + size))
done
memory=$((entries * (64 + 32 + 512))) # of a submission, a completion and a slot's small payloads
[ $memory -gt 0 ] && [ $memory -lt $((1 << 20)) ] && ok "the rings take less than 1 MiB" || not_ok "the rings take $memory bytes"
grep k7pf /proc/interrupts | sed 's/^/# /'
index=0
for node in /dev/k7pf*; do
	check "$node: tests of requests and resets" ioctl_test "$node" card$index
	index=$((index + 1))
done
# Slow enough that somebody sleeps until the interrupt.
set_fault slow:20
for cpu in $(seq 0 $(($(grep -c ^processor /proc/cpuinfo) - 1))); do
	check "requests from processor $cpu" taskset -c "$cpu" ./ioctl_test request
done

set_fault none

# Each vector interrupts: a completion whose interrupt does not come would still be found, by the poll.
silent=$(awk '/k7pf0/ { sum = 0; for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i; if (sum == 0) print $NF }' /proc/interrupts)
[ -z "$silent" ] && ok 'all vectors interrupt' || not_ok "vectors that never interrupt: $silent"
storms=$(cat /sys/class/k7hsm/*/counters/irq_storms | sort -n | tail -1)
[ "$storms" = 0 ] && ok 'none of it is taken for a storm' || not_ok "$storms storms"
echo "# completions polled: $(cat /sys/class/k7hsm/*/counters/completions_polled | xargs)"

echo "$(basename "$(readlink -f /sys/class/k7hsm/k7pf0/device)")" >/sys/bus/pci/drivers/k7hsm/unbind
check 'the other cards do not care, and it can be bound again' \
	sh -c 'echo 0000:01:00.0 >/sys/bus/pci/drivers/k7hsm/bind; for node in /dev/k7pf*; do enquiry --check --card $node; done'
check 'unload' rmmod k7hsm
check 'load with interrupts of a kind that is chosen' insmod /lib/modules/k7hsm.ko irq_kind=intx
check 'it is used' sysfs_is interrupts intx
check 'works' ./ioctl_test request
check 'unload' rmmod k7hsm
check 'load' load_driver
check 'works' ./ioctl_test request
finish
