"""See a world through a pinhole camera on the robot. Pixels only: numpy ray casting, no noise, no files."""

import numpy as np

from robovlms_mobile.simulation.world import Box, Cup

EYE = 0.34  # metres above the floor
PITCH = np.radians(-9.0)  # looking slightly down
HALF_WIDTH = np.tan(np.radians(80.0) / 2)  # horizontal field of view: 80 degrees
CEILING = 2.4
NEAREST = 0.02  # metres; what is nearer is behind the lens
SKY = np.inf


class Camera:
    """A camera of one size in one world and heading; only its place changes between frames.

    Args:
        world: a `World`.
        yaw: heading, radians counter-clockwise.
        size: (width, height) in pixels.
    """

    def __init__(self, world, yaw, size):
        self.world, self.size = world, size
        forward = np.array([np.cos(yaw) * np.cos(PITCH), np.sin(yaw) * np.cos(PITCH), np.sin(PITCH)])
        right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        self.axes = np.stack([right, np.cross(forward, right), forward]).astype(np.float32)  # right, down, forward
        width, height = size
        across = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
        down = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / width * 2
        right, below, ahead = self.axes
        self.rays = (
            ahead + (across * HALF_WIDTH)[None, :, None] * right + (down * HALF_WIDTH)[:, None, None] * below
        )  # (H, W, 3), one unit along the optical axis
        self.grain = _grain(world.look.texture_seed)

    def see(self, x: float, y: float) -> np.ndarray:
        """Return what the camera sees from (x, y): (H, W, 3) float32 in 0..1."""
        eye = np.array([x, y, EYE], np.float32)
        colour, depth = _room(self.world, eye, self.rays, self.grain)
        for thing in (*self.world.boxes, self.world.cup):
            window = self.window_of(thing, eye)
            if window is not None:
                cast = _box if isinstance(thing, Box) else _cup
                _paint(colour[window], depth[window], *cast(thing, self.world.look, eye, self.rays[window]))
        look = self.world.look
        colour *= np.float32(look.brightness) * np.asarray(look.tint, np.float32)
        return np.clip(colour, 0, 1, out=colour)

    def window_of(self, thing: Box | Cup, eye: np.ndarray) -> tuple[slice, slice] | None:
        """The part of the image a thing can be in: slices of rows and columns, or None when it is out of sight."""
        corners = np.array(
            [
                (thing.x + i * thing.half[0], thing.y + j * thing.half[1], k)
                for i in (-1, 1)
                for j in (-1, 1)
                for k in (0, thing.height)
            ]
        )
        across, down, ahead = ((corners - eye) @ self.axes.T).T
        if ahead.max() < NEAREST:
            return None
        if ahead.min() < NEAREST:
            return slice(None), slice(None)
        width, height = self.size
        columns = (across / ahead / HALF_WIDTH + 1) * width / 2
        rows = down / ahead / HALF_WIDTH * width / 2 + height / 2
        left, right = int(max(columns.min() - 1, 0)), int(min(columns.max() + 2, width))
        top, bottom = int(max(rows.min() - 1, 0)), int(min(rows.max() + 2, height))
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def _paint(colour, depth, new_colour, new_depth):
    nearer = new_depth < depth
    np.copyto(colour, new_colour, where=nearer[..., None])
    np.copyto(depth, new_depth, where=nearer)


def _grain(seed):
    """A 256×256 texture that repeats without a seam, a little blurred: float32 around 0."""
    noise = np.random.default_rng(seed).standard_normal((256, 256)).astype(np.float32)
    for axis in (0, 1):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    return noise / 3


def _room(world, eye, rays, grain):
    """Floor, walls and ceiling: colour (H, W, 3) and depth (H, W), both float32."""
    look = world.look
    back, right, left = look.room
    dx, dy, dz = (rays[..., axis] for axis in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        to_floor = (np.where(dz < 0, 0, CEILING).astype(np.float32) - eye[2]) / dz
        to_side = (np.where(dy < 0, right, left).astype(np.float32) - eye[1]) / dy
        to_back = np.where(dx > 0, (np.float32(back) - eye[0]) / dx, np.float32(SKY))
    depth = np.minimum(np.minimum(to_floor, to_side), to_back)
    x, y, z = (eye[axis] + depth * rays[..., axis] for axis in range(3))
    is_floor = (depth == to_floor) & (dz < 0)
    shade = _walls(x, y, z, depth == to_side, look, grain)  # (H, W)
    colour = shade[..., None] * np.asarray(look.wall_colour, np.float32)
    on_floor = _floor(x[is_floor], y[is_floor], depth[is_floor], world, grain)
    colour[is_floor] = on_floor[:, None] * np.asarray(look.floor_colour, np.float32)
    return colour, depth


def _walls(x, y, z, side, look, grain):
    along = np.where(side, x, y)
    shade = np.where(side, np.float32(0.82), np.float32(0.95)) - 0.05 * z
    shade += 0.02 * _lookup(grain, along * 40, z * 40)
    shade *= np.where(np.abs(along % 1.1 - 0.55) > 0.53, np.float32(0.86), np.float32(1))  # panel joints
    shade *= np.where(z < 0.09, np.float32(0.45), np.float32(1))  # skirting board
    return np.where(z > CEILING - 0.01, np.float32(1.05), shade)


def _floor(x, y, depth, world, grain):
    """Brightness of floor points: pattern, grain, shadows of what stands on it."""
    look = world.look
    u, v = x / look.tile, y / look.tile
    fade = np.exp(-depth / 3)  # far detail would only flicker
    shade = 1 + 0.05 * _lookup(grain, x * 60, y * 60) * fade
    if look.floor == "tiles":
        odd = (np.floor(u) + np.floor(v)) % 2
        joint = (np.minimum(np.minimum(u % 1, 1 - u % 1), np.minimum(v % 1, 1 - v % 1)) < 0.025).astype(np.float32)
        shade += (0.16 * odd - 0.08) - 0.25 * joint * fade
    elif look.floor == "planks":
        row = np.floor(v * 3)
        tone = grain[row.astype(np.int32) & 255, np.floor(u + row * 0.37).astype(np.int32) & 255]
        shade += 0.12 * tone - 0.22 * ((v * 3) % 1 < 0.06) * fade
        shade += 0.06 * _lookup(grain, x * 8, y * 90) * fade
    else:
        shade += (0.10 * _lookup(grain, x * 25, y * 25) + 0.05 * _lookup(grain, x * 7, y * 7)) * (0.3 + fade)
    for thing in (*world.boxes, world.cup):
        shade *= _shadow(thing, look, x, y)
    return shade.astype(np.float32)


def _shadow(thing, look, x, y):
    throw = thing.height / 2 / look.light[2]
    gap_x = np.maximum(np.abs(x - (thing.x - look.light[0] * throw)) - thing.half[0], 0)
    gap_y = np.maximum(np.abs(y - (thing.y - look.light[1] * throw)) - thing.half[1], 0)
    return 1 - 0.45 * np.exp(-(gap_x * gap_x + gap_y * gap_y) / np.float32(0.004))


def _lookup(grain, u, v):
    return grain[u.astype(np.int32) & 255, v.astype(np.int32) & 255]


def _box(box, look, eye, rays):
    """Slab test. Returns colour (h, w, 3) and depth (h, w), infinite where the box is not."""
    low, high = box.low.astype(np.float32), box.high.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - eye) / rays, (high - eye) / rays
    enter, leave = np.minimum(first, second), np.maximum(first, second)  # (h, w, 3) each
    depth = enter.max(axis=-1)
    depth = np.where((depth < leave.min(axis=-1)) & (depth > NEAREST), depth, np.float32(SKY))
    face = enter.argmax(axis=-1)
    light = np.abs(look.light) * (0.6, 0.6, 0.55)
    facing = np.sign(np.array([eye[0] - box.x, eye[1] - box.y, 1.0])) * look.light > 0
    shade = (0.50 + np.where(facing, light, 0)).astype(np.float32)[face]
    with np.errstate(invalid="ignore"):
        place = np.abs((eye + depth[..., None] * rays - (low + high) / 2) * 2 / (high - low))  # 1 at a face
    place.sort(axis=-1)
    shade = shade * np.where(place[..., 1] > 0.95, np.float32(0.6), np.float32(1))  # edges
    return shade[..., None] * np.asarray(box.colour, np.float32), depth


def _cup(cup, look, eye, rays):
    """A vertical cylinder, open above. Returns colour (h, w, 3) and depth (h, w), infinite where the cup is not."""
    dx, dy, dz = (rays[..., axis] for axis in range(3))
    ex, ey = eye[0] - np.float32(cup.x), eye[1] - np.float32(cup.y)
    a, b, c = dx * dx + dy * dy, ex * dx + ey * dy, ex * ex + ey * ey - cup.radius**2
    inside = b * b - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(inside)
        outer, inner = (-b - root) / a, (-b + root) / a
        walls = [
            np.where((t > NEAREST) & (eye[2] + t * dz > 0) & (eye[2] + t * dz < cup.height), t, SKY)
            for t in (outer, inner)
        ]
    depth = np.minimum(*walls).astype(np.float32)
    here = np.where(depth < SKY, depth, 0)  # beside the cup anything finite: what is infinite has no shade
    normal_x, normal_y = (ex + here * dx) / cup.radius, (ey + here * dy) / cup.radius
    height = (eye[2] + here * dz) / cup.height
    turned = np.where(walls[0] <= walls[1], 1, -1)
    shade = 0.72 + 0.45 * turned * (normal_x * look.light[0] + normal_y * look.light[1])
    shade = np.where(turned < 0, shade * 0.5, shade) * np.where((height > 0.42) & (height < 0.58), 0.7, 1.0)
    return shade.astype(np.float32)[..., None] * np.asarray(cup.colour, np.float32), depth
