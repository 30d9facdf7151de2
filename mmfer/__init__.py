# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
