# options: --timeout 200 --smp 4 --add build/tests/ioctl_test --log /tmp/ksoak.log
. /guest/lib.sh
( for i in 1 2 3 4 5 6; do ./ioctl_test channels busy-reset >/tmp/a.$i 2>&1; done ) &
( for i in 1 2 3 4 5 6 7 8; do ./ioctl_test reset latency >/tmp/b.$i 2>&1; done ) &
sleep 3
for i in $(seq 1 60); do
 [ $((i%3)) = 0 ] && { echo 0000:01:00.0 >/sys/bus/pci/drivers/k7hsm/unbind; usleep 100000; echo 0000:01:00.0 >/sys/bus/pci/drivers/k7hsm/bind; }
 [ $((i%5)) = 0 ] && echo 1 >/sys/bus/pci/devices/0000:01:00.0/reset
 [ $((i%7)) = 0 ] && { echo 1 >/sys/bus/pci/devices/0000:01:00.0/remove; usleep 50000; echo 1 >/sys/bus/pci/rescan; }
 usleep 300000
done
wait
ls /dev/k7*
node=$(ls /dev/k7pf* | head -1)
./ioctl_test --node $node request | tail -1
rmmod k7hsm && ok 'unloaded after the soak' || not_ok rmmod
finish
