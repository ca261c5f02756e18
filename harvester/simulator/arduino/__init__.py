"""A simulated Arduino IoT Cloud: one Thing for each meeting room, which shows the room's status.

Sources: the API's client for Python (arduino/iot-client-py 3.0.0) and its issues. The properties of the Things are
those of arduino/arduino-iotcloud-gcal-sync, of its code or of its description.
"""
